"""Where backups lie: a folder, or a prefix in a bucket. Both keep files by name and check digests on the way in."""

import fcntl
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files import File
from django.core.files.storage import Storage

from studio.core.errors import BadInput, SlipwayError

PIECE = 1024 * 1024  # bytes read at a time


class Damaged(SlipwayError):
    """The bytes are not those that their digest names."""

    code = "damaged"


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class Place(Protocol):
    """Names have slashes. What has its name is whole."""

    def size_of(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""

    def put(self, name: str, stream: Readable, sha256: str) -> None:
        """Keep a file. Raises `Damaged`, and keeps nothing, if it does not have this digest."""

    def open(self, name: str) -> BinaryIO:
        """Raises FileNotFoundError."""

    def folders(self, name: str) -> list[str]:
        """Names of the folders in one; none where it does not exist."""


def place_of(text: str) -> Place:
    """`s3://bucket/prefix`, or the path of a folder. Raises `BadInput`."""
    if not text.startswith("s3://"):
        return Folder(Path(text).expanduser().absolute())
    parts = urlsplit(text)
    if not parts.netloc:
        raise BadInput("An address in S3 is s3://bucket/prefix.")
    from storages.backends.s3 import S3Storage  # slow, and only for buckets

    return Bucket(
        S3Storage(
            **settings.S3_OPTIONS | {"bucket_name": parts.netloc, "location": parts.path.strip("/"), "gzip": False}
        )
    )


class Folder:
    """A folder of this machine, or one that is mounted here. For its owner only."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def size_of(self, name: str) -> int | None:
        try:
            return (self.root / name).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def put(self, name: str, stream: Readable, sha256: str) -> None:
        target = self.root / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_drafts_of_killed_backups(target)
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.draft")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                fcntl.flock(out, fcntl.LOCK_EX)  # held while somebody writes
                _copy(stream, out, name, sha256)
                out.flush()
                os.fsync(out.fileno())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)

    def open(self, name: str) -> BinaryIO:
        return (self.root / name).open("rb")

    def folders(self, name: str) -> list[str]:
        folder = self.root / name
        return sorted(each.name for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []


def _remove_drafts_of_killed_backups(target: Path) -> None:
    """Remove unfinished copies of a file that no process writes any more."""
    for draft in target.parent.glob(f".{target.name}.*.draft"):
        with suppress(BlockingIOError, FileNotFoundError), draft.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            draft.unlink(missing_ok=True)


class Bucket:
    """A storage of Django's, such as S3. What is sent is gathered in a temporary file, so that its digest is known."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def size_of(self, name: str) -> int | None:
        return self._storage.size(name) if self._storage.exists(name) else None

    def put(self, name: str, stream: Readable, sha256: str) -> None:
        with tempfile.TemporaryFile(dir=settings.DATA_DIR) as draft:
            _copy(stream, draft, name, sha256)
            draft.seek(0)
            if self._storage.exists(name):
                self._storage.delete(name)
            self._storage.save(name, File(cast(BinaryIO, draft)))

    def open(self, name: str) -> BinaryIO:
        if not self._storage.exists(name):
            raise FileNotFoundError(name)
        return cast(BinaryIO, self._storage.open(name, "rb"))

    def folders(self, name: str) -> list[str]:
        try:
            return sorted(self._storage.listdir(name)[0])
        except FileNotFoundError:
            return []


@contextmanager
def fetched(place: Place, name: str, sha256: str, folder: Path) -> Iterator[Path]:
    """A file of the place in a temporary file below `folder`. Raises `Damaged`, FileNotFoundError."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".restore-") as draft:
        with place.open(name) as stream:
            _copy(stream, cast(BinaryIO, draft), name, sha256)
        draft.flush()
        os.fsync(draft.fileno())
        yield Path(draft.name)


def keep(source: Path, target: Path) -> None:
    """Copy a file to its place, flushed to disk, for its owner only; the name appears when it is whole."""
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with source.open("rb") as stream, os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as out:
            shutil.copyfileobj(stream, out, PIECE)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _copy(stream: Readable, out: BinaryIO, name: str, sha256: str) -> None:
    seen = hashlib.sha256()
    while piece := stream.read(PIECE):
        seen.update(piece)
        out.write(piece)
    if seen.hexdigest() != sha256:
        raise Damaged(f"{name} is damaged: its SHA-256 is not {sha256[:12]}….", hint="Take it from another backup.")
