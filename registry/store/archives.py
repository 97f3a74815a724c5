"""Walk through zip and tar archives that people send, distrusting every line of them.

Each member is checked before a byte of it is read, and sizes are counted. Nothing here writes files.
"""

import gzip
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, BinaryIO, NamedTuple

from django.conf import settings

from registry.errors import BadArchive, SizeMismatch, UnsafePath
from registry.store.paths import safe_path
from studio.core.errors import TooLarge

MAX_MEMBERS = 10_000
MAX_RATIO = 200  # unpacked bytes for a packed one; text rarely passes 20
RATIO_COUNTS_FROM = 64 * 1024 * 1024  # unpacked bytes below which the ratio is nobody's concern
MAX_PADDING = 1024 * 1024  # bytes after a tar's end; tar itself pads to 10 KiB
BUFFER = 1024 * 1024  # bytes read at a time
MAX_TAR_HEADER = 1024 * 1024  # bytes of a long name or extended header, which tarfile reads into memory
# All that the two libraries are known to raise over bytes that somebody has tampered with.
_UNREADABLE = (
    tarfile.TarError,
    gzip.BadGzipFile,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class Member(NamedTuple):
    path: str
    size: int
    stream: IO[bytes]


def members(packed: BinaryIO, size: int, name: str) -> Iterator[Member]:
    """The files in the zip or tar archive `packed` of `size` bytes; read each stream before going on.

    Raises `BadArchive`, `UnsafePath` or `TooLarge` at the first member that is not acceptable.
    """
    kind = _kind_of(packed)
    if kind is None:
        raise BadArchive(
            f"{name} is neither a zip nor a tar archive.", hint="Send .zip, .tar or .tar.gz.", field="files"
        )
    read, budget = {"zip": _zip_members, "tar": _tar_members, "tar.gz": _tar_gz_members}[kind], _budget(size)
    for _ in _counted(read(packed), name, budget):
        pass  # all of it is acceptable before anything of it is kept
    packed.seek(0)
    yield from _counted(read(packed), name, budget)


def _counted(found: Iterator[Member], name: str, budget: int) -> Iterator[Member]:
    total = 0
    for count, member in enumerate(found, start=1):
        total += member.size
        if count > MAX_MEMBERS:
            raise TooLarge(f"{name} holds more than {MAX_MEMBERS:,} files.", field="files")
        if total > budget:
            raise TooLarge(f"{name} would unpack to more than {budget:,} bytes.", field="files")
        yield member


@contextmanager
def faults_are_named(name: str) -> Iterator[None]:
    """Turn what the archive libraries raise over a damaged archive into one error that names it."""
    try:
        yield
    except SizeMismatch as wrong:
        raise BadArchive(f"{name} is damaged: a member is shorter or longer than it says.", field="files") from wrong
    except _UNREADABLE as unreadable:
        raise BadArchive(
            f"{name} cannot be unpacked: the archive is damaged or of an unknown kind.",
            hint="Pack it again.",
            field="files",
            evidence=f"{type(unreadable).__name__}: {unreadable}",
        ) from unreadable


def _kind_of(packed: BinaryIO) -> str | None:
    head = packed.read(512)
    packed.seek(0)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"\x1f\x8b"):
        return "tar.gz"
    return "tar" if head[257:262] == b"ustar" else None


def _budget(packed_size: int) -> int:
    """How many bytes an archive of that size may unpack to."""
    return min(settings.SLIPWAY["MAX_UPLOAD_BYTES"], max(RATIO_COUNTS_FROM, packed_size * MAX_RATIO))


def _zip_members(packed: BinaryIO) -> Iterator[Member]:
    with zipfile.ZipFile(packed) as archive:
        for info in archive.infolist():
            kind, name = stat.S_IFMT(info.external_attr >> 16), info.orig_filename  # `filename` is cut at a NUL
            if name.endswith("/"):
                _safe_folder(name)
                continue
            _must_be_plain(name, plain=kind in {0, stat.S_IFREG})
            if info.flag_bits & 0x1:
                raise BadArchive(f"{name[:200]!r} is encrypted.", hint="Send the archive without a password.")
            if path := _wanted(name):
                with archive.open(info) as stream:
                    yield Member(path, info.file_size, stream)


class _Header(tarfile.TarInfo):
    """Headers are read whole into memory, so an archive of one enormous header must be stopped here."""

    _LONG = frozenset(
        {
            tarfile.GNUTYPE_LONGNAME,
            tarfile.GNUTYPE_LONGLINK,
            tarfile.XHDTYPE,
            tarfile.XGLTYPE,
            tarfile.SOLARIS_XHDTYPE,
        }
    )

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        if self.type in self._LONG and self.size > MAX_TAR_HEADER:
            raise BadArchive("The archive has a header of unreasonable size.")
        return super()._proc_member(archive)  # type: ignore[misc]


def _tar_gz_members(packed: BinaryIO) -> Iterator[Member]:
    """tarfile takes a broken-off gzip stream for the archive's end; read to gzip's own end to know."""
    with gzip.GzipFile(fileobj=packed) as unpacked:
        yield from _tar_members(unpacked)
        if len(unpacked.read(MAX_PADDING + 1)) > MAX_PADDING:
            raise BadArchive("The archive goes on after its end.", field="files")


def _tar_members(packed: BinaryIO | gzip.GzipFile) -> Iterator[Member]:
    with tarfile.open(fileobj=packed, mode="r|", tarinfo=_Header, bufsize=BUFFER) as archive:
        for info in archive:
            archive.members = []  # type: ignore[attr-defined] # it would keep every member in memory
            if info.isdir():
                _safe_folder(info.name)
                continue
            _must_be_plain(info.name, plain=info.isreg() and not info.issparse())
            stream = archive.extractfile(info)
            if stream is not None and (path := _wanted(info.name)):
                yield Member(path, info.size, stream)


def _safe_folder(name: str) -> None:
    """A folder's entry makes nothing, but one that leaves its folder says what to think of the archive."""
    if name.strip("./"):
        safe_path(name)
    elif ".." in name.split("/"):
        raise UnsafePath(f"The folder {name!r} would leave the archive's own.", field="files")


def _wanted(name: str) -> str | None:
    """The member's safe path, or None for what macOS adds by itself."""
    path = safe_path(name)
    return None if path.startswith("__MACOSX/") or path.rsplit("/", 1)[-1] == ".DS_Store" else path


def _must_be_plain(name: str, *, plain: bool) -> None:
    if not plain:
        raise BadArchive(
            f"{name[:200]!r} in the archive is a link, a device or another special entry.",
            hint="Pack plain files and folders only.",
            field="files",
        )
