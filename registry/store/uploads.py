"""Receive files: in chunks that can be resumed, or whole.

`received` moves only after the bytes are flushed to disk, so whatever a client is told arrived has arrived;
a chunk that breaks off counts for nothing and is sent again. The half-received file lies beside the store
under the upload's id; one process at a time may write it (a lock on the file). It is hashed while more arrives
(`trailing_hash`).
"""

import contextlib
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from registry.errors import BadArchive, DigestMismatch, SizeMismatch, StorageFull, WrongOffset
from registry.models import Upload
from registry.store import archives, artifacts, trailing_hash
from registry.store.artifacts import PIECE, Readable
from registry.store.paths import safe_path
from studio.accounts.models import User, Workspace
from studio.core.errors import BadInput, Conflict, NotFound, TooLarge

WAITING = 20  # uploads that are offered again
ROOM_TO_LEAVE = 256 * 1024 * 1024  # bytes of disk that uploads never take


def begin(workspace: Workspace, user: User, path: str, size: int, digest: str = "") -> Upload:
    """Announce a file of `size` bytes that will have `path` inside its version.

    Raises `BadInput` for a path or digest that cannot be used, `TooLarge`, and `StorageFull` when the disk
    has no room for it (better said now than after an hour of sending).
    """
    upload = _announced(workspace, user, path, size, digest)
    if size > shutil.disk_usage(artifacts.incoming()).free - ROOM_TO_LEAVE:
        raise StorageFull(
            f"The studio's disk has no room for {path} ({size:,} bytes).", hint="Ask an administrator to free space."
        )
    upload.save()
    return upload


def append(upload: Upload, offset: int, stream: Readable, *, length: int | None = None) -> Upload:
    """Add the next chunk. `length` is what the client said the chunk has, if it did.

    Raises `WrongOffset` (with the right one) when the chunk does not continue where the upload stands,
    `TooLarge` for more bytes than a chunk may have or the file was announced with.
    """
    with _exclusively(upload, os.O_RDWR) as handle:
        _must_continue(upload, handle, offset)
        room = min(upload.size - upload.received, settings.SLIPWAY["CHUNK_BYTES"])
        try:
            with artifacts.disk_full_as_error():
                count = _write_chunk(upload, handle, stream, room)
                if length is not None and count != length:
                    raise SizeMismatch(
                        f"The chunk broke off after {count:,} of {length:,} bytes; it does not count.",
                        hint=f"Send it again from byte {offset}.",
                    )
                os.fsync(handle)
        except BaseException:
            os.ftruncate(handle, upload.received)
            raise
        _note(upload, received=upload.received + count, touched_at=timezone.now())
        if upload.size > PIECE:  # a smaller file is hashed as quickly once it is complete
            trailing_hash.follow(upload.pk, part_of(upload), handle, upload.received)
    return upload


def complete(upload: Upload, digest: str = "") -> Upload:
    """Turn what arrived into an artifact. Repeating it is harmless.

    Raises `SizeMismatch` or `DigestMismatch` when it is not what was announced; the upload is then gone.
    """
    if upload.is_complete:
        return upload
    with _exclusively(upload, os.O_RDONLY) as handle:  # a repeated one finds what the store has made read-only
        if not upload.is_complete:  # a second request may just have done it
            _finish(upload, handle, digest)
    trailing_hash.forget(upload.pk)
    part_of(upload).unlink(missing_ok=True)
    return upload


def receive(workspace: Workspace, user: User, path: str, stream: Readable, size: int) -> Upload:
    """A whole file in one go, as a plain form sends it."""
    upload = _announced(workspace, user, path, size, "")
    upload.artifact = artifacts.store(stream, expected_size=size)
    upload.received = size
    upload.save()
    return upload


def unpack(upload: Upload) -> list[Upload]:
    """Every file of a complete zip or tar archive as an upload of its own; the archive's own upload stays.

    Raises `BadArchive`, `UnsafePath` or `TooLarge` and keeps nothing when any member is not acceptable.
    """
    if upload.artifact is None:
        raise BadInput(f"{upload.path} has not arrived completely.", hint="Complete the upload.", field="files")
    made: list[Upload] = []
    try:
        with artifacts.open_artifact(upload.artifact) as packed, archives.faults_are_named(upload.path):
            for member in archives.members(packed, upload.size, upload.path):
                made.append(receive(upload.workspace, upload.user, member.path, member.stream, member.size))
        if not made:
            raise BadArchive(f"{upload.path} is an archive without files.", field="files")
    except BaseException:
        for one in made:
            abandon(one)
        raise
    return made


def abandon(upload: Upload) -> None:
    """Forget the upload and what arrived of it."""
    Upload.objects.filter(pk=upload.pk).delete()
    trailing_hash.forget(upload.pk)
    part_of(upload).unlink(missing_ok=True)


def find(workspace: Workspace, user: User, upload_id: uuid.UUID | str) -> Upload:
    """The person's own upload; `NotFound` for everybody else's."""
    found = Upload.objects.in_workspace(workspace).filter(user=user, pk=upload_id).select_related("artifact").first()
    if found is None:
        raise NotFound("There is no such upload of yours.", hint="It may have been abandoned; start it again.")
    return found


def find_all(workspace: Workspace, user: User, upload_ids: Sequence[uuid.UUID | str]) -> list[Upload]:
    """The person's own uploads in that order. Raises `BadInput` when one is missing or named twice."""
    rows = Upload.objects.in_workspace(workspace).filter(user=user).select_related("artifact")
    found = {str(upload.pk): upload for upload in rows.filter(pk__in=upload_ids)}
    missing = [str(key) for key in upload_ids if str(key) not in found]
    if missing:
        raise BadInput(
            f"There is no upload {missing[0]} of yours.",
            hint="It was abandoned, or already used for another version. Send the file again.",
            field="files",
        )
    if len(found) != len(upload_ids):
        raise BadInput("An upload is named twice.", field="files")
    return [found[str(key)] for key in upload_ids]


def waiting(workspace: Workspace, user: User, *, besides: Sequence[Upload] = ()) -> list[Upload]:
    """The person's newest uploads of which something has arrived and no version was made, whole or not."""
    rows = Upload.objects.in_workspace(workspace).filter(user=user, received__gt=0)
    return list(rows.exclude(pk__in=[upload.pk for upload in besides]).order_by("-touched_at")[:WAITING])


def part_of(upload: Upload) -> Path:
    """Where the half-received file lies."""
    return artifacts.incoming() / f"{upload.pk}.part"


def checked_digest(digest: str) -> str:
    """A SHA-256 in lower-case hex, with or without 'sha256:' before it; empty stays empty."""
    text = digest.lower().removeprefix("sha256:")
    if text and (len(text) != 64 or set(text) - set("0123456789abcdef")):
        raise BadInput("A SHA-256 digest has 64 hexadecimal digits.", field="sha256")
    return text


def _finish(upload: Upload, handle: int, digest: str) -> None:
    expected = checked_digest(digest) or upload.digest
    try:
        _must_be_whole(upload, handle, expected)
        # The part stays until the row points to the artifact, so that a crash in between can be repeated.
        known = trailing_hash.digest_of(upload.pk, handle, upload.size)
        artifact = artifacts.adopt(
            part_of(upload), known_digest=known, expected_digest=expected, expected_size=upload.size
        )
        _note(upload, artifact=artifact, touched_at=timezone.now())
    except (SizeMismatch, DigestMismatch):
        abandon(upload)
        raise


def _announced(workspace: Workspace, user: User, path: str, size: int, digest: str) -> Upload:
    limit = settings.SLIPWAY["MAX_UPLOAD_BYTES"]
    if size < 0:
        raise BadInput("A file cannot have fewer than 0 bytes.", field="size")
    if size > limit:
        raise TooLarge(
            f"{path} has {size:,} bytes; the studio accepts at most {limit:,}.",
            hint="An administrator can raise SLIPWAY_MAX_UPLOAD_BYTES.",
            field="size",
        )
    return Upload(workspace=workspace, user=user, path=safe_path(path), size=size, digest=checked_digest(digest))


@contextlib.contextmanager
def _exclusively(upload: Upload, mode: int) -> Iterator[int]:
    """The part file, open and locked against a second request for the same upload, with fresh facts."""
    part = part_of(upload)
    handle = os.open(part, mode | os.O_CREAT, 0o640)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise Conflict(
                f"Another request is sending {upload.path} at this moment.", hint="Wait for it to end, then go on."
            ) from taken
        try:
            upload.refresh_from_db()
        except Upload.DoesNotExist as gone:
            raise _abandoned(upload) from gone
        yield handle
    finally:
        os.close(handle)


def _note(upload: Upload, **facts: object) -> None:
    """Write facts to the row and the object, unless somebody has abandoned the upload."""
    if not Upload.objects.filter(pk=upload.pk).update(**facts):
        raise _abandoned(upload)
    for name, value in facts.items():
        setattr(upload, name, value)


def _abandoned(upload: Upload) -> NotFound:
    part_of(upload).unlink(missing_ok=True)
    return NotFound("This upload was abandoned.", hint="Start it again.")


def _must_continue(upload: Upload, handle: int, offset: int) -> None:
    """The chunk goes on where the upload stands; bytes beyond that are of a chunk that broke off."""
    if upload.is_complete:
        raise Conflict(f"{upload.path} is already complete.")
    on_disk = os.fstat(handle).st_size
    if on_disk < upload.received:  # the part was lost (a moved data folder)
        # A new file for what comes now: what a process has hashed belongs to the old one, and to nothing else.
        part_of(upload).unlink(missing_ok=True)
        _note(upload, received=0)
        raise _wrong_offset(upload, offset)
    os.ftruncate(handle, upload.received)
    if offset != upload.received:
        raise _wrong_offset(upload, offset)


def _wrong_offset(upload: Upload, offset: int) -> WrongOffset:
    return WrongOffset(
        f"This chunk starts at byte {offset:,}, but {upload.received:,} bytes have arrived.",
        received=upload.received,
        hint=f"Go on from byte {upload.received}.",
    )


def _write_chunk(upload: Upload, handle: int, stream: Readable, room: int) -> int:
    os.lseek(handle, upload.received, os.SEEK_SET)
    count = 0
    while piece := stream.read(PIECE):
        count += len(piece)
        if count > room:
            raise _too_much(upload)
        view = memoryview(piece)
        while view:
            view = view[os.write(handle, view) :]
    return count


def _too_much(upload: Upload) -> TooLarge:
    chunk = settings.SLIPWAY["CHUNK_BYTES"]
    if upload.size - upload.received < chunk:
        return TooLarge(
            f"{upload.path} was announced with {upload.size:,} bytes; more than that arrived.",
            hint="Announce the file again with its real size.",
        )
    return TooLarge(f"A chunk may have at most {chunk:,} bytes.", hint="Send the file in smaller chunks.")


def _must_be_whole(upload: Upload, handle: int, expected: str) -> None:
    arrived = min(upload.received, os.fstat(handle).st_size)
    if arrived != upload.size:
        raise SizeMismatch(
            f"{upload.path} was announced with {upload.size:,} bytes, but only {arrived:,} arrived. Nothing is kept.",
            hint="Send the file again and complete it when all chunks are through.",
            field="size",
        )
    if expected and upload.digest and expected != upload.digest:
        raise DigestMismatch(f"{upload.path} was announced with another SHA-256. Nothing is kept.", field="sha256")
