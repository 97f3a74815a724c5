"""Small files that are whole or not there, readable by their owner only."""

import os
import threading
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
