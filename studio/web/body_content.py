"""Where the bytes of a request's body lie until it is whole: in memory while there is room, else in a file.

Memory is one budget for all bodies of the process, so that many slow clients fill a disk and not the memory.
"""

import asyncio
import io
import tempfile
from pathlib import Path
from typing import IO

IN_MEMORY = 256 * 1024  # bytes of a body that may always be held
WRITTEN_AT_ONCE = 1024 * 1024  # bytes gathered for one write, which costs a turn of a thread


class Memory:
    """The budget: `size` bytes for all bodies together beyond each one's first `IN_MEMORY`; `most` for each."""

    def __init__(self, size: int, most: int) -> None:
        self.most = most
        self._left = size

    def take(self, count: int) -> bool:
        if count > self._left:
            return False
        self._left -= count
        return True

    def give_back(self, count: int) -> None:
        self._left += count


class Content:
    """The bytes of one body. `file` may be read once `finish()` returned. `folder` holds the file of a large body."""

    def __init__(self, memory: Memory, folder: Path) -> None:
        self.file: IO[bytes] = io.BytesIO()
        self.size = 0
        self._memory, self._folder = memory, folder
        self._taken = 0  # of the budget
        self._on_disk = False
        self._gathered = bytearray()  # for the file's next write

    async def add(self, piece: bytes, expected: int) -> None:
        """Keep the next piece of a body that will have `expected` bytes, as far as that is known.

        Raises `OSError` when the disk has no room.
        """
        self.size += len(piece)
        if not self._on_disk and self._has_room(max(expected, self.size)):
            self.file.write(piece)
            return
        self._gathered += piece
        if not self._on_disk or len(self._gathered) >= WRITTEN_AT_ONCE:
            await asyncio.to_thread(self._write)

    async def finish(self) -> None:
        """Make `file` ready to be read from its beginning. Raises `OSError` when the disk has no room."""
        if self._on_disk:
            await asyncio.to_thread(self._write)
        self.file.seek(0)

    def close(self) -> None:
        self.file.close()
        self._give_back()

    def _has_room(self, expected: int) -> bool:
        if expected <= IN_MEMORY:
            return True
        missing = self.size - IN_MEMORY - self._taken
        if expected > self._memory.most or not self._memory.take(max(0, missing)):
            return False
        self._taken += max(0, missing)
        return True

    def _write(self) -> None:
        if not self._on_disk:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            on_disk = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - closed by close()
            self._on_disk = True
            self._gathered = bytearray(self.file.getvalue()) + self._gathered  # type: ignore[attr-defined]
            self.file = on_disk
            self._give_back()
        view = memoryview(self._gathered)
        while view:
            view = view[self.file.write(view) :]
        self._gathered = bytearray()

    def _give_back(self) -> None:
        self._memory.give_back(self._taken)
        self._taken = 0
