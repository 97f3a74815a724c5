"""What the command line remembers of uploads under way, so that the same command can go on after an interruption.

One file for each set of paths, studio and workspace; a line for each file that was announced. Without a place to write
or while another process sends the same files, nothing is remembered, and everything works as without.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, NamedTuple

KEPT_SECONDS = 3 * 24 * 3600  # the studio forgets unfinished uploads sooner


class Sent(NamedTuple):
    """A file that was announced: the upload's id, and what the file was like."""

    upload: str
    size: int  # bytes
    changed: int  # nanoseconds


class Journal:
    """The uploads of one command. Get it from `open_journal`."""

    def __init__(self, file: Path, out: IO[str], known: dict[str, Sent]) -> None:
        self._file = file
        self._out = out
        self._known = known

    def known(self, name: str) -> Sent | None:
        """What an earlier run announced for this path in the version."""
        return self._known.get(name)

    def note(self, name: str, sent: Sent) -> None:
        """Remember an upload from its announcement on: also `kill -9` finds it written."""
        self._known[name] = sent
        with contextlib.suppress(OSError):
            self._out.write("\n" + json.dumps([name, *sent]) + "\n")  # the last line may have broken off
            self._out.flush()

    def forget(self) -> None:
        """The version is registered, or the studio refused it for good."""
        self._known.clear()
        with contextlib.suppress(OSError):
            self._out.truncate(0)
            self._file.unlink(missing_ok=True)


@contextlib.contextmanager
def open_journal(folder: Path, url: str, workspace: str, paths: Collection[Path]) -> Iterator[Journal | None]:
    """The journal of these paths, locked; None where it cannot be had."""
    _sweep(folder)
    key = json.dumps([url, workspace, *sorted(os.path.abspath(path) for path in paths)])
    file = folder / f"{hashlib.sha256(key.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}.jsonl"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError:
        yield None
        return
    with os.fdopen(descriptor, "r+", encoding="utf-8") as opened:
        if not (_lock(descriptor) and _is_still(file, descriptor)):
            yield None
            return
        yield Journal(file, opened, dict(_read(opened)))


def _read(opened: IO[str]) -> Iterator[tuple[str, Sent]]:
    """The pairs that were written whole."""
    for line in opened:
        with contextlib.suppress(ValueError, TypeError):  # empty, or broken off
            name, *sent = json.loads(line)
            yield name, Sent(*sent)


def _lock(descriptor: int) -> bool:
    """Hold the file until it is closed, be it by the end of the process; False where another process does."""
    try:
        import fcntl
    except ImportError:  # Windows
        return _lock_on_windows(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _lock_on_windows(descriptor: int) -> bool:
    import msvcrt

    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return False
    return True


def _is_still(file: Path, descriptor: int) -> bool:
    """Another process may have finished, and removed the file, just before it was locked."""
    try:
        return os.path.samestat(os.stat(file), os.fstat(descriptor))
    except OSError:
        return False


def _sweep(folder: Path) -> None:
    """Remove what belongs to uploads that the studio has forgotten."""
    oldest = time.time() - KEPT_SECONDS
    with contextlib.suppress(OSError):
        for file in folder.glob("*.jsonl"):
            if file.stat().st_mtime < oldest:
                file.unlink()
