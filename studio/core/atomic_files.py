"""Small files that are whole or not there, whoever reads them and whenever the writer dies."""

import os
import threading
from pathlib import Path


def write_atomically(path: Path, content: bytes, *, group: int | None = None, durable: bool = False) -> None:
    """Replace the file, unless it already says this: a reader that watches it is not woken for nothing. Only its owner
    may read it, and the members of `group`. `durable`: it is on the disk when this returns.

    Writers at once are harmless, in other processes too: the last one counts.
    """
    if path.exists() and path.read_bytes() == content and group in (None, path.stat().st_gid):
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        if group is not None:
            os.fchown(descriptor, -1, group)
            os.fchmod(descriptor, 0o640)
        if durable:
            file.flush()
            os.fsync(descriptor)
    draft.replace(path)
    if durable:
        _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    """The new name of a file lies in its folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
