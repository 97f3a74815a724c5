"""The job of a conversion: one at a time on a machine, in a folder of its own, kept all at once at its end."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from registry.conversion import outcome as outcomes
from registry.conversion.attempt import Attempt
from registry.conversion.conversions import log_path
from registry.conversion.inside.verdicts import Gates
from registry.conversion.outcome import Outcome
from registry.conversion.registering import register_variant
from registry.conversion.sandbox import written_file
from registry.events import VERSION_CONVERTED
from registry.models import Conversion, ConversionVariant
from registry.store import artifacts
from studio.activity.recording import record
from studio.core.atomic_folders import exclusive
from studio.core.errors import SlipwayError
from studio.core.job_heartbeat import Heartbeat, LeaseLost
from studio.core.jobs import JobState
from studio.core.tee import Log

log = logging.getLogger(__name__)


class _Busy(Exception):
    """Another conversion of this machine is being measured."""


def run(job: Conversion, heartbeat: Heartbeat) -> None:
    """Do it. Safe to repeat, and to kill at any line: rows are written at the end, all at once."""
    try:
        with exclusive(Path(settings.DATA_DIR) / "run" / "conversion", waiting=_raise_busy):
            _run_alone(job, heartbeat)
    except _Busy:  # back into the queue, as if nobody had tried
        job.requeue(attempt=F("attempt") - 1, enqueued_at=timezone.now(), step="waiting for another conversion")


def _raise_busy() -> None:
    raise _Busy


def _run_alone(job: Conversion, heartbeat: Heartbeat) -> None:
    path = log_path(job)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", buffering=1) as lines:
        try:
            with _folder(job) as folder:
                found = Attempt(job, heartbeat, lines, folder).outcome()
                _conclude(job, found, folder / "out")
        except LeaseLost:
            lines.write("The conversion was cancelled or taken over.\n")
        except Exception as error:  # whatever it was, the row must say so
            _fail(job, error, lines)


def _fail(job: Conversion, error: Exception, lines: Log) -> None:
    if not isinstance(error, SlipwayError):
        log.exception("%s failed", job)
        error = SlipwayError(
            f"The conversion failed: {type(error).__name__}.",
            code="conversion_failed",
            hint="The worker's log says more. Try again.",
        )
    lines.write(f"\n{error.message}\n{error.hint}\n")
    with transaction.atomic():
        if job.end(JobState.FAILED, error=error.as_dict()):
            record(
                VERSION_CONVERTED,
                job.version,
                workspace=job.workspace,
                actor=job.requested_by,
                outcome=f"It failed: {error.message}",
            )


def note_given_up(job: Conversion) -> None:
    """When workers died over it again and again. Call it in the transaction that fails the row."""
    outcome = "It failed: the worker died several times while working on it."
    record(VERSION_CONVERTED, job.version, workspace=job.workspace, actor=job.requested_by, outcome=outcome)


@contextmanager
def _folder(job: Conversion) -> Iterator[Path]:
    """A folder for this attempt; those of attempts whose workers were killed go first."""
    name = f"{artifacts.INSPECTED}conversion-{job.pk}"
    for left in artifacts.incoming().glob(f"{name}-*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = artifacts.incoming() / f"{name}-{job.attempt}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _conclude(job: Conversion, found: Outcome, out: Path) -> None:
    """Keep the files, close the job, write variants and event, all or nothing."""
    columns = found.judged(Gates(job.tolerance))
    files = {one["name"]: _kept(out, one["name"]) for one in columns if one["one"]}
    with transaction.atomic():
        if not job.end(JobState.SUCCEEDED, result=found.result(), step=""):
            return
        rows = [ConversionVariant(conversion=job, artifact=files.get(one["name"]), **one) for one in columns]
        ConversionVariant.objects.bulk_create(rows)
        said = outcomes.sentence(columns)
        record(VERSION_CONVERTED, job.version, workspace=job.workspace, actor=job.requested_by, outcome=said)
        winner = job.variants.filter(verdict="recommended").first()
        if job.registers and winner:
            register_variant(winner, job.requested_by)


def _kept(out: Path, name: str) -> Any:
    try:
        with written_file(out, f"{name}.onnx") as file:
            return artifacts.store(file)
    except OSError as reason:
        raise SlipwayError(
            f"The file of the variant {name} cannot be kept.", code="conversion_failed", evidence=str(reason)
        ) from reason
