"""Small files that are whole or not there, readable by their owner only; and the end of a folder of files."""

import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


def read_struct(path: Path, kind: type[T]) -> T | None:
    """The file's content; None when it is not there or is not (yet) one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file, unless it already says this: a reader that watches it is not woken for nothing."""
    if path.exists() and path.read_bytes() == content:
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
    draft.replace(path)


def remove_tree(path: Path) -> list[Path]:
    """Remove a folder with all that is in it; gives what cannot be removed: its files, or itself where none is left."""
    _allow_removal(path)
    shutil.rmtree(path, ignore_errors=True)
    if not path.exists():
        return []
    return sorted(left for left in path.rglob("*") if not left.is_dir()) or [path]


def _allow_removal(folder: Path) -> None:
    """Some programs take the right to write from the folders they make, as Go does from those of its module cache."""
    with suppress(OSError):
        folder.chmod(0o700)
        for inner in folder.iterdir():
            if inner.is_dir() and not inner.is_symlink():
                _allow_removal(inner)
