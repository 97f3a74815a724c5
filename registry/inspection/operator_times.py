"""What each operator of an ONNX version takes, as ONNX Runtime's own profiler tells it; measured in a sandbox."""

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import msgspec
from django.conf import settings

from registry.inspection.bounded_process import ProcessResult, run_bounded
from registry.inspection.inspections import CODE
from registry.inspection.room import Room, hand_over
from registry.models import ModelVersion
from registry.store import artifacts
from registry.store.materialise import materialise
from studio.core.errors import Temporary
from studio.core.storable import storable

PROGRAM = Path(__file__).with_name("time_operators.py")
SECONDS = 4.0  # of running the model
MORE_SECONDS = 60.0  # to load libraries and model


class Operator(msgspec.Struct, array_like=True, frozen=True):
    """`microseconds` of one run, and how often it is called in one."""

    name: str
    op: str
    provider: str
    microseconds: float
    calls: float


class Batch(msgspec.Struct, frozen=True):
    """Runs of so many `rows`: the mean of all, by operator; `rest` is of those that are not told."""

    rows: int
    runs: int
    microseconds: float
    operators: list[Operator]
    rest: float


class Span(msgspec.Struct, array_like=True, frozen=True):
    """An operator at work in one run, microseconds after the run began."""

    name: str
    op: str
    provider: str
    start: float
    duration: float
    own: float


class OperatorTimes(msgspec.Struct, frozen=True):
    """Of one thread. `timeline` is a run of one row."""

    batches: list[Batch]
    timeline: list[Span]


def measure_operators(version: ModelVersion, check: Callable[[], None]) -> dict[str, Any]:
    """What `OperatorTimes` holds, as plain values. Raises `Temporary` where it cannot be measured."""
    folder = Path(mkdtemp(prefix="operators-", dir=artifacts.incoming()))
    try:
        files, scratch = folder / "files", folder / "scratch"
        scratch.mkdir()
        for file in version.files.select_related("artifact"):
            materialise(file, files)
            check()
        room = Room(folder, CODE)
        hand_over(folder, room.walls())
        model, memory = files / version.facts["main_file"], settings.SLIPWAY["INSPECTION_MEMORY_BYTES"]
        arguments = [str(model), str(memory), str(SECONDS)]
        ended = run_bounded(PROGRAM, arguments, folder=scratch, seconds=SECONDS + MORE_SECONDS, room=room)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _told(ended)


def _told(ended: ProcessResult) -> dict[str, Any]:
    if ended.code != 0:
        last = (ended.errors.strip().splitlines() or ["it said nothing"])[-1]
        why = f"the runtime's profiler took longer than {SECONDS + MORE_SECONDS:.0f} s" if ended.code is None else last
        raise Temporary(f"The operators could not be timed: {why}.", hint="Profile the version again.")
    try:
        times = msgspec.json.decode(ended.output, type=OperatorTimes)  # other people's model is behind it
    except msgspec.DecodeError as reason:
        raise Temporary(f"The operators could not be timed: {reason}.", hint="Profile the version again.") from reason
    return storable(msgspec.to_builtins(times))
