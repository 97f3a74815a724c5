"""What master and workers agree on: orders, reports, names of files."""

from pathlib import Path

import msgspec

from scoring.contract import Failure


class Orders(msgspec.Struct):
    """What the master tells a worker. Numbers of descriptors are inherited ones, -1 where one is closed or given on."""

    slot: int
    listener: int
    report: int
    lifeline: int
    cores: list[int]
    threads: int  # runs at the same time, where the model is slow


class Report(msgspec.Struct):
    """What a worker tells the master, once: how many seconds a run takes, or why there is none."""

    seconds: float | None = None
    failure: Failure | None = None


def stack_file(folder: Path, slot: int) -> Path:
    """Where a worker writes the Python stacks of its threads on SIGUSR2."""
    return folder / f"stacks-{slot}.txt"
