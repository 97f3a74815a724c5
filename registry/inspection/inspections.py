"""Inspect a version's files: framework, inputs and outputs, or the reason of a rejection.

`inspect_file.py` does the work in a bounded process, forked from one that has the libraries loaded. Here is
the job around it: lay the files out, run, write down the result. Repeating it at any point is harmless.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from registry.errors import FileDamaged, WallsMissing
from registry.events import VERSION_ACCEPTED, VERSION_REJECTED
from registry.inspection.kept_graphs import keep_graph
from registry.inspection.result import Finding, Rejected, finding_of, settled
from registry.inspection.room import Room, hand_over
from registry.inspection.warm_process import WarmProgram
from registry.models import Inspection, ModelVersion, VersionState
from registry.models.version import VERSION_MOVES
from registry.store import artifacts
from registry.store.damage import mark_version
from registry.store.materialise import materialise
from studio.activity.recording import record
from studio.core.job_heartbeat import Heartbeat
from studio.core.jobs import WORKER_LOST, JobState
from studio.core.states import move

PROGRAM = Path(__file__).with_name("inspect_file.py")
CODE = tuple(PROGRAM.parents[2] / name for name in ("registry", "scoring"))  # what the program is made of


def _room() -> Room:
    """All inspections of a worker process happen in a folder of its own."""
    folder = artifacts.incoming() / f"{artifacts.INSPECTED}{os.getpid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    room = Room(folder, CODE)
    hand_over(folder, room.walls())
    return room


INSPECTOR = WarmProgram(PROGRAM, _room)  # each worker process starts its own with its first inspection


def inspect(job: Inspection, heartbeat: Heartbeat) -> None:
    """Inspect a version, and make it ready or reject it."""
    version = job.version
    try:
        found = _run_program(heartbeat, job)
        framework, warnings = settled(version.declared_framework, found)
    except FileDamaged as fault:
        _conclude_damaged(job, fault)
        return
    except (Rejected, WallsMissing) as reason:
        _conclude(job, version, VersionState.REJECTED, rejection=reason.as_dict())
        return
    facts = {**found.facts, "warnings": [*found.facts.get("warnings", []), *warnings]}
    _conclude(
        job,
        version,
        VersionState.READY,
        framework=framework,
        framework_version=version.framework_version or found.framework_version,
        signature=found.signature,
        facts=facts,
        rejection=None,
        graph=found.graph,
    )


def _run_program(heartbeat: Heartbeat, job: Inspection) -> Finding:
    """Lay the files out and run the program over them."""
    seconds, memory = settings.SLIPWAY["INSPECTION_SECONDS"], settings.SLIPWAY["INSPECTION_MEMORY_BYTES"]
    room = _room()
    with _folder(job, room.folder) as folder:
        files, scratch = folder / "files", folder / "scratch"
        scratch.mkdir()
        heartbeat.note("reading files", 0.2)
        for file in job.version.files.select_related("artifact"):
            materialise(file, files)
            heartbeat.check()
        hand_over(folder, room.walls())
        heartbeat.note("looking inside", 0.5)
        limits = [str(memory), str(int(seconds) + 1), job.version.declared_framework]
        ended = INSPECTOR.run([str(files), *limits], folder=scratch, seconds=seconds)
    return finding_of(ended, seconds=seconds)


@contextmanager
def _folder(job: Inspection, room: Path) -> Iterator[Path]:
    """A folder for this attempt; those of attempts whose workers were killed go first."""
    for left in artifacts.incoming().glob(f"{artifacts.INSPECTED}*/{job.pk}-*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = room / f"{job.pk}-{job.attempt}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _conclude(
    job: Inspection, version: ModelVersion, state: str, *, graph: dict[str, Any] | None = None, **facts: Any
) -> None:
    """Close the job, move the version, keep its graph and write the event, all or nothing."""
    rejection = facts.get("rejection") or {}
    with transaction.atomic():
        if not job.end(JobState.SUCCEEDED):  # the lease was lost: the next attempt concludes
            return
        move(version, state, moves=VERSION_MOVES, **facts)
        keep_graph(version, graph)
        kind = VERSION_ACCEPTED if state == VersionState.READY else VERSION_REJECTED
        record(kind, version, workspace=version.workspace, reason=rejection.get("message", ""))


def _conclude_damaged(job: Inspection, fault: FileDamaged) -> None:
    with transaction.atomic():
        if job.end(JobState.SUCCEEDED):
            mark_version(job.version, type(fault), [fault.path])


def reject_after_max_attempts(job: Inspection) -> None:
    """When workers died over it again and again, the version must not wait for ever. Call it in a transaction."""
    version, error = job.version, job.error or WORKER_LOST
    move(version, VersionState.REJECTED, moves=VERSION_MOVES, rejection=error)
    record(VERSION_REJECTED, version, workspace=version.workspace, reason=error["message"])
