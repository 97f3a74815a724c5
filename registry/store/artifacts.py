"""Content-addressed files: bytes are stored once under their SHA-256 and never changed.

The way in is always the same: a *draft* beside the store, hashed while it is written, flushed to disk, and
only then given its final name and its row. A process that dies on the way leaves a draft that nobody sees
and that the sweep removes.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db import transaction
from django.utils import timezone

from registry.errors import DigestMismatch, SizeMismatch, StorageFull
from registry.models import Artifact
from registry.store import damage, paths

PIECE = 1024 * 1024  # bytes read at a time
INSPECTED = "inspect-"  # prefix of folders in `incoming()` in which inspection lays files out
safe_path = paths.safe_path
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Readable(Protocol):
    """All that `store` asks of a stream; a request has it, and so has an open file."""

    def read(self, size: int = -1, /) -> bytes: ...


def store(stream: Readable, *, expected_digest: str = "", expected_size: int | None = None) -> Artifact:
    """Keep what `stream` gives, hashing it on the way.

    Raises `SizeMismatch` or `DigestMismatch` when it is not what was announced and `StorageFull` when there
    is no room; an error of the stream itself goes up as it is. In all of these nothing is kept.
    """
    draft = incoming() / f"{uuid.uuid4().hex}.draft"
    try:
        with disk_full_as_error():
            digest, size = _write(stream, draft, limit=expected_size)
            check(digest, size, expected_digest=expected_digest, expected_size=expected_size)
            return _keep(draft, digest, size)
    finally:
        draft.unlink(missing_ok=True)


def adopt(draft: Path, *, known_digest: str | None, expected_digest: str, expected_size: int) -> Artifact:
    """Keep a file that is already on disk (and flushed); it is read only if its digest is not known.

    The draft itself is left to the caller to remove.
    """
    with disk_full_as_error():
        digest, size = known_digest or _hash(draft), draft.stat().st_size
        check(digest, size, expected_digest=expected_digest, expected_size=expected_size)
        return _keep(draft, digest, size)


def open_artifact(artifact: Artifact) -> BinaryIO:
    """The bytes, open for reading."""
    return cast(BinaryIO, store_of_files().open(name_of(artifact.digest), "rb"))


def incoming() -> Path:
    """The folder of drafts and half-received uploads, on the same file system as a local store."""
    storage = store_of_files()
    base = Path(storage.path("")) if is_local(storage) else settings.DATA_DIR
    folder = base / ".incoming"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def name_of(digest: str) -> str:
    """Where the store keeps a digest; two letters of folder keep listings short."""
    return f"{digest[:2]}/{digest}"


def local_path(digest: str) -> Path | None:
    """The file behind a digest when the store is a local folder."""
    storage = store_of_files()
    return Path(storage.path(name_of(digest))) if is_local(storage) else None


def check(digest: str, size: int, *, expected_digest: str, expected_size: int | None) -> None:
    """Raise unless the bytes are the ones that were announced."""
    if expected_size is not None and size != expected_size:
        raise SizeMismatch(
            f"{expected_size:,} bytes were announced, {'more' if size > expected_size else f'{size:,}'} arrived.",
            hint="Send the file again; the connection may have broken off.",
            field="size",
        )
    if expected_digest and digest != expected_digest.lower().removeprefix("sha256:"):
        raise DigestMismatch(
            f"The file that arrived has SHA-256 {digest[:12]}…, but {expected_digest[:12]}… was announced.",
            hint="The file changed on the way or while it was being read. Send it again.",
            field="sha256",
        )


@contextlib.contextmanager
def disk_full_as_error() -> Iterator[None]:
    """Turn a full disk into an error that people can act on."""
    try:
        yield
    except OSError as reason:
        if reason.errno not in _NO_ROOM:
            raise
        raise StorageFull(
            "The studio's disk is full; nothing of this file was kept.",
            hint="Ask an administrator to free space, then send it again.",
        ) from reason


def _write(stream: Readable, draft: Path, *, limit: int | None) -> tuple[str, int]:
    """Digest and size of what went to `draft`, flushed to disk; stops soon after `limit` bytes."""
    seen, size = hashlib.sha256(), 0
    with draft.open("xb") as out:
        while piece := stream.read(PIECE):
            seen.update(piece)
            size += len(piece)
            if limit is not None and size > limit:
                break
            out.write(piece)
        out.flush()
        os.fsync(out.fileno())
    return seen.hexdigest(), size


def _hash(path: Path) -> str:
    with path.open("rb") as whole:
        return hashlib.file_digest(whole, "sha256").hexdigest()


def _keep(draft: Path, digest: str, size: int) -> Artifact:
    """Give a whole draft its final name and its row. Equal bytes that are there stay, unless they are damaged."""
    storage, name = store_of_files(), name_of(digest)
    rows = Artifact.objects.filter(pk=digest)
    if not is_local(storage) and (rows.filter(damaged_at__isnull=False).exists() or not storage.exists(name)):
        _place(storage, draft, name)  # outside of the transaction: this may take minutes
    with transaction.atomic():
        # Touching or adding the row first holds it against the sweep until this commits.
        rows.update(touched_at=timezone.now())
        artifact, _ = Artifact.objects.get_or_create(digest=digest, defaults={"size": size})
        if not storage.exists(name) or (artifact.damaged_at and is_local(storage)):
            _place(storage, draft, name)
        damage.note_whole(artifact)
    return artifact


def _place(storage: Storage, draft: Path, name: str) -> None:
    if not is_local(storage):
        with draft.open("rb") as whole:
            storage.save(name, File(whole))
        return
    target = Path(storage.path(name))
    target.parent.mkdir(parents=True, exist_ok=True)
    draft.chmod(0o440)
    fresh = target.with_name(f"{target.name}.{uuid.uuid4().hex}")
    try:
        _give_name(draft, fresh)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)  # of a draft that is in its place already, the new name is left
    _flush_folder(target.parent)


def _give_name(draft: Path, place: Path) -> None:
    """The draft stays, so that a crash before the commit can be repeated."""
    try:
        os.link(draft, place)
    except OSError:  # a file system without links
        shutil.copy(draft, place)
        with place.open("rb") as copy:
            os.fsync(copy.fileno())


def _flush_folder(folder: Path) -> None:
    """A new name is only durable when its folder is flushed too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def store_of_files() -> Storage:
    """The storage that keeps artifacts: a local folder, or S3."""
    return storages["artifacts"]


def is_local(storage: Storage) -> bool:
    """Are its files ordinary ones that can be linked?"""
    return isinstance(storage, FileSystemStorage)
