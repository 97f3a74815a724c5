"""Pure of rows: .tar.gz files whose bytes depend on nothing but what is in them."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

LEVEL = 6


@dataclass(frozen=True)
class Entry:
    """A file of an archive: what its name is there, and where its bytes are: in a file, or at hand."""

    name: str
    source: Path | None = None
    content: bytes = b""
    executable: bool = False

    @property
    def size(self) -> int:
        return len(self.content) if self.source is None else self.source.stat().st_size

    def open(self) -> io.BytesIO | io.BufferedReader:
        return io.BytesIO(self.content) if self.source is None else self.source.open("rb")

    def digest(self) -> str:
        """SHA-256, hex."""
        with self.open() as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def below(self, folder: str) -> "Entry":
        """The same in a folder."""
        return Entry(f"{folder}/{self.name}", self.source, self.content, self.executable)


def write_tar(target: BinaryIO, entries: Iterable[Entry]) -> Iterator[int]:
    """Write the entries in order of their names; gives the bytes of each file that was added, for a progress.

    Times are 0, owners root, modes 0644 or 0755, and there are no links: a file with two names is there twice.
    """
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=target, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for entry in sorted(entries, key=lambda entry: entry.name):
            header = tarfile.TarInfo(entry.name)
            header.size, header.mode = entry.size, 0o755 if entry.executable else 0o644
            with entry.open() as file:
                tar.addfile(header, file)
            yield header.size
