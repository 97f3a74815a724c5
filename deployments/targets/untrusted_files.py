"""Small files that anybody may have written, and the end of a folder of files."""

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")
MOST_BYTES = 1 << 18  # of a file that user code may have written


def read_struct(path: Path, kind: type[T]) -> T | None:
    """The file's content; None when it is not there or is not (yet) one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def read_untrusted(path: Path, kind: type[T]) -> T | None:
    """The same for a file in a folder that user code writes to: None as well for a link, a pipe and a huge file."""
    content = read_untrusted_bytes(path)
    try:
        return msgspec.json.decode(content, type=kind) if content else None
    except msgspec.DecodeError:
        return None


def read_untrusted_bytes(path: Path) -> bytes | None:
    """At most `MOST_BYTES` of such a file; None where it is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(descriptor, MOST_BYTES) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """A folder of its owner's, in place of whatever else user code has left there."""
    if path.is_symlink() or not path.is_dir():
        remove_tree(path)
    path.mkdir(mode=0o700, exist_ok=True)


def remove_tree(path: Path) -> list[Path]:
    """Remove a folder with all that is in it; gives what cannot be removed: its files, or itself where none is left.
    A link in its place goes, not what it leads to; and a pipe is not opened, which would wait for its other end."""
    if path.is_symlink() or not path.is_dir():
        with suppress(OSError):
            path.unlink()
    else:
        _allow_removal(path)
        shutil.rmtree(path, ignore_errors=True)
    if not os.path.lexists(path):
        return []
    return sorted(left for left in path.rglob("*") if not left.is_dir()) or [path]


def _allow_removal(folder: Path) -> None:
    """Some programs take the right to write from the folders they make, as Go does from those of its module cache."""
    with suppress(OSError):
        folder.chmod(0o700)
        for inner in folder.iterdir():
            if inner.is_dir() and not inner.is_symlink():
                _allow_removal(inner)
