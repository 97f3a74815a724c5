"""Layers that we write ourselves: tar archives in which equal files give equal bytes, whoever packs them and when.

Sorted names, time 0, root as the owner, modes 0644 and 0755, an entry for every folder. Pure but for reading the files.
"""

import hashlib
import os
import stat
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Layer:
    """Files of an image: path inside it (without a leading slash) → a file of this machine, its content, or None for a
    folder that may be empty. Files that are hard links to each other stay so.

    `title` says in the image's history what it holds. `diff_id` and `size` are of the archive, uncompressed.
    """

    title: str
    files: Mapping[str, Path | bytes | None] = field(repr=False)

    def chunks(self) -> Iterator[bytes]:
        """The archive in pieces; it is never whole in memory."""
        for info, source in _entries(self.files):
            yield info.tobuf(tarfile.PAX_FORMAT)
            if source is not None:
                yield from _padded(source, info.size)
        yield b"\0" * (2 * tarfile.BLOCKSIZE)

    @cached_property
    def _measured(self) -> tuple[str, int]:
        total, size = hashlib.sha256(), 0
        for chunk in self.chunks():
            total.update(chunk)
            size += len(chunk)
        return f"sha256:{total.hexdigest()}", size

    @property
    def diff_id(self) -> str:
        """Digest of the archive, as image configs name their layers."""
        return self._measured[0]

    @property
    def size(self) -> int:
        return self._measured[1]


@dataclass(frozen=True)
class FileLayer:
    """A layer whose archive lies on this machine already."""

    title: str
    path: Path

    def chunks(self) -> Iterator[bytes]:
        with self.path.open("rb") as archive:
            while chunk := archive.read(CHUNK):
                yield chunk

    @cached_property
    def diff_id(self) -> str:
        with self.path.open("rb") as archive:
            return f"sha256:{hashlib.file_digest(archive, 'sha256').hexdigest()}"

    @property
    def size(self) -> int:
        return self.path.stat().st_size


def files_below(
    folder: Path, inside: str, *, wanted: Callable[[PurePosixPath], bool] = lambda _: True
) -> dict[str, Path]:
    """Every file below `folder` that is `wanted` (asked with its path in it), under its path in the image. Links are
    followed: an image has none that lead out of it."""
    found: dict[str, Path] = {}
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in names:
            path = Path(where, name)
            relative = PurePosixPath(path.relative_to(folder).as_posix())
            if path.is_file() and wanted(relative):
                found[f"{inside}/{relative}"] = path
    return found


def _entries(files: Mapping[str, Path | bytes | None]) -> Iterator[tuple[tarfile.TarInfo, Path | bytes | None]]:
    folders = {str(parent) for name in files for parent in PurePosixPath(name).parents if str(parent) != "."}
    first_names: dict[tuple[int, int], str] = {}
    for name in sorted(folders | set(files)):
        source = files.get(name)
        if source is None:
            yield _folder(name), None
        elif isinstance(source, bytes) or (first := _first_name(name, source, first_names)) == name:
            yield _file(name, source), source
        else:
            yield _link(name, first), None


def _first_name(name: str, source: Path, first_names: dict[tuple[int, int], str]) -> str:
    """Of the file behind `source` in this archive: the name itself, unless it has come under another one."""
    found = source.stat()
    return name if found.st_nlink == 1 else first_names.setdefault((found.st_dev, found.st_ino), name)


def _link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = tarfile.LNKTYPE, target, 0o644
    return info


def _folder(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, 0o755
    return info


def _file(name: str, source: Path | bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    if isinstance(source, bytes):
        info.size, info.mode = len(source), 0o644
    else:
        found = source.stat()
        info.size = found.st_size
        info.mode = 0o755 if found.st_mode & stat.S_IXUSR else 0o644
    return info


def _padded(source: Path | bytes, size: int) -> Iterator[bytes]:
    """The content and zeros up to a whole block. Raises `OSError` for a file that changed since it was measured."""
    left = size
    for chunk in _pieces(source):
        left -= len(chunk)
        yield chunk
    if left:
        raise OSError("A file of the image changed while it was read: " + str(getattr(source, "name", "its content")))
    if rest := size % tarfile.BLOCKSIZE:
        yield b"\0" * (tarfile.BLOCKSIZE - rest)


def _pieces(source: Path | bytes) -> Iterable[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as handle:
        while chunk := handle.read(CHUNK):
            yield chunk
