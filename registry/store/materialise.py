"""Lay a stored file out as a file of its own, for a bundle or an inspection: a reflink or a copy, never a link.

Equal files of all workspaces are one artifact: whoever could write to a link of it would change everybody's.
"""

import fcntl
import hashlib
import os
import uuid
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from registry.errors import FileDamaged, FileLost
from registry.models import Artifact
from registry.store import damage
from registry.store.artifacts import PIECE, disk_full_as_error, local_path, open_artifact
from registry.store.paths import safe_path

FICLONE = 0x40049409  # Btrfs, XFS and others: both files share their blocks until one of them is written to


class StoredFile(Protocol):
    """A file of a version or of an inference config."""

    @property
    def path(self) -> str: ...

    @property
    def artifact(self) -> Artifact: ...


def materialise(file: StoredFile, folder: Path) -> None:
    """Put the file at its path below `folder`, read-only, and check its bytes on the way.

    The path was checked when the file came in; it is checked again, because it decides where we write. Raises
    `FileLost` and `FileDamaged`; then nothing is at its place, and the versions that have the file are damaged.
    """
    destination = folder / safe_path(file.path)
    destination.parent.mkdir(parents=True, exist_ok=True)
    draft = destination.with_name(f".{uuid.uuid4().hex}")
    try:
        with disk_full_as_error(), draft.open("xb") as copy:
            if _write(file, copy) != file.artifact.digest:
                raise FileDamaged(file.path)
            os.fchmod(copy.fileno(), 0o444)  # a service may run as another user than the studio
        draft.replace(destination)
    except FileDamaged as fault:
        damage.note_damaged(file.artifact, type(fault))
        raise
    finally:
        draft.unlink(missing_ok=True)
    damage.note_whole(file.artifact)


def clone(whole: BinaryIO, copy: BinaryIO) -> str:
    """Copy an open file, without copying its blocks where the file system can; gives the SHA-256 of what it holds."""
    try:
        fcntl.ioctl(copy.fileno(), FICLONE, whole.fileno())
    except OSError:  # two file systems, or one that cannot
        return _copy(whole, copy)
    return hashlib.file_digest(cast(BufferedReader, whole), "sha256").hexdigest()


def _write(file: StoredFile, copy: BinaryIO) -> str:
    try:
        with open_artifact(file.artifact) as whole:
            return clone(whole, copy) if local_path(file.artifact.digest) else _copy(whole, copy)
    except FileNotFoundError as reason:
        raise FileLost(file.path) from reason


def _copy(whole: BinaryIO, copy: BinaryIO) -> str:
    seen = hashlib.sha256()
    while piece := whole.read(PIECE):
        seen.update(piece)
        copy.write(piece)
    copy.flush()
    return seen.hexdigest()
