"""What master and workers agree on: the worker's configuration, its report, names of files."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from scoring.contract import Failure
from scoring.core.errors import StartFailure

SERVE, LEAVE = b"s", b"l"  # what the master writes to `WorkerConfig.control`; the last one counts


class WorkerConfig(msgspec.Struct):
    """What the master tells a worker. Numbers of descriptors are inherited ones, -1 where one is closed or given on."""

    slot: int
    listener: int  # where it accepts connections from the moment it is ready
    report: int
    lifeline: int
    cores: list[int]
    threads: int  # runs at the same time, where the model is slow
    address: int = -1  # where it accepts connections only while it serves, if replicas take turns
    control: int = -1  # the reading end of a pipe that says whether it serves
    serves: bool = False  # whether it does at first

    @property
    def sockets(self) -> list[int]:
        """Descriptors of the listening sockets."""
        return [descriptor for descriptor in (self.listener, self.address) if descriptor >= 0]


class WorkerReady(msgspec.Struct, tag=True):
    """What a worker tells the master once it has loaded: how many seconds a run takes, None when that is unknown."""

    seconds: float | None = None


class WorkerFailed(msgspec.Struct, tag=True):
    """What it tells instead when it cannot load."""

    failure: Failure


@contextmanager
def reporting_failure(config: WorkerConfig) -> Iterator[None]:
    """What goes wrong before the worker is ready ends it, and the master learns why."""
    try:
        yield
    except StartFailure as error:
        send_report(config, WorkerFailed(error.failure))
        sys.exit(3)
    except Exception as error:  # a fault of ours, or of a library in a way nobody foresaw
        failure = Failure("internal", f"Loading failed: {error!r}", traceback.format_exc())
        send_report(config, WorkerFailed(failure))
        sys.exit(3)


def send_report(config: WorkerConfig, report: WorkerReady | WorkerFailed) -> None:
    with os.fdopen(config.report, "wb") as pipe:
        pipe.write(msgspec.json.encode(report))
    config.report = -1


def stack_file(folder: Path, slot: int) -> Path:
    """Where a worker writes the Python stacks of its threads on SIGUSR2."""
    return folder / f"stacks-{slot}.txt"
