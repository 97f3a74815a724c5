"""A log that goes to two places, line by line, as it happens."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol


class Log(Protocol):
    """Where lines go; an open text file is one."""

    def write(self, text: str, /) -> int: ...

    def flush(self) -> None: ...


class Tee:
    """Writes to both texts and flushes, so that whoever reads along sees it at once."""

    def __init__(self, first: Log, second: Log) -> None:
        self._both = (first, second)

    def write(self, text: str, /) -> int:
        for each in self._both:
            each.write(text)
            each.flush()
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


@contextmanager
def also_to_file(path: Path, log: Log) -> Iterator[Tee]:
    """`log` and a fresh file at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as copy:
        yield Tee(log, copy)
