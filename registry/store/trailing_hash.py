"""SHA-256 of files that are still arriving, computed by a thread that follows their writer.

The state of a hash cannot be stored, so it lives in this process only. Hashed are bytes that the upload has accepted,
which never change; a process that knows nothing of an upload (after a crash) reads them again while the rest arrives.
"""

import hashlib
import os
import threading
import uuid
from contextlib import suppress
from pathlib import Path

PIECE = 1024 * 1024  # bytes hashed at a time
IDLE_SECONDS = 600  # without a new chunk, after which an upload's state is dropped; longer than a slow chunk takes
CACHED = 128 * 1024 * 1024  # bytes of a file left in the page cache; the rest would push out what services use
MAX_FILES = 32  # followed at a time: each costs a thread and an open file. Others are hashed once they are complete
_following: dict[uuid.UUID, "_TrailingHash"] = {}
_lock = threading.Lock()


def follow(upload_id: uuid.UUID, part: Path, handle: int, end: int) -> None:
    """Hash the bytes of `part`, which is open as `handle`, up to byte `end`, in the background."""
    with _lock:
        known = _following.get(upload_id)
        if known is None or not known.is_of(handle):
            if len(_following) >= MAX_FILES:
                return
            known = _following[upload_id] = _TrailingHash(upload_id, part)
    known.follow(end)


def digest_of(upload_id: uuid.UUID, handle: int, size: int) -> str | None:
    """The digest of the file's `size` bytes, as soon as all are hashed; None when nobody follows this file."""
    with _lock:
        known = _following.get(upload_id)
    return known.digest(size) if known is not None and known.is_of(handle) else None


def forget(upload_id: uuid.UUID) -> None:
    """Drop the state of an upload that is complete or abandoned."""
    with _lock:
        known = _following.pop(upload_id, None)
    if known is not None:
        known.end()


class _TrailingHash:
    """One file's hash. It keeps the file open, so that no other file can be taken for it."""

    def __init__(self, upload_id: uuid.UUID, part: Path) -> None:
        self._upload_id = upload_id
        self._file = os.open(part, os.O_RDONLY)  # not a duplicate of the writer's, which would keep its lock
        self._identity = _identity(self._file)
        self._hash = hashlib.sha256()
        self._offset, self._end, self._ended = 0, 0, False
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name=f"hash {upload_id}", daemon=True).start()

    def is_of(self, handle: int) -> bool:
        return not self._ended and _identity(handle) == self._identity

    def follow(self, end: int) -> None:
        with self._changed:
            self._end = max(self._end, end)
            self._changed.notify_all()

    def digest(self, size: int) -> str | None:
        self.follow(size)
        with self._changed:
            self._changed.wait_for(lambda: self._offset >= size or self._ended)
            return self._hash.hexdigest() if self._offset == size else None

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            with suppress(OSError):  # the file cannot be read: completing it will say so
                while self._has_more():
                    self._hash_next()
        finally:
            with _lock:
                if _following.get(self._upload_id) is self:
                    del _following[self._upload_id]
            self.end()
            os.close(self._file)

    def _has_more(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._end > self._offset, IDLE_SECONDS)
            return not self._ended and self._end > self._offset

    def _hash_next(self) -> None:
        piece = os.pread(self._file, min(PIECE, self._end - self._offset), self._offset)
        if not piece:
            raise OSError("the file is shorter than its upload")
        self._hash.update(piece)
        if self._offset >= CACHED and hasattr(os, "posix_fadvise"):  # not on macOS
            os.posix_fadvise(self._file, self._offset, len(piece), os.POSIX_FADV_DONTNEED)
        with self._changed:
            self._offset += len(piece)
            self._changed.notify_all()


def _identity(handle: int) -> tuple[int, int]:
    facts = os.fstat(handle)
    return facts.st_dev, facts.st_ino
