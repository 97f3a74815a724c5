"""Make a folder exactly once: whole or not at all, also when several processes want it at the same time."""

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

POLL_SECONDS = 0.2


def make_folder_once(
    final: Path,
    fill: Callable[[Path], None],
    *,
    usable: Callable[[Path], bool] = Path.is_dir,
    waiting: Callable[[], None] = lambda: None,
) -> Path:
    """`final`, filled by `fill(draft)` unless a usable one is there already.

    The draft lies beside `final` and is renamed into place, so a folder of the final name is always whole: a
    worker killed at any line leaves at most a draft, which the next one removes. The lock is the kernel's and
    ends with the process. Processes that the dead worker had started may go on writing for a while, but only
    into their own draft. `waiting` is called while another process holds the lock; it may raise to give up.
    """
    if usable(final):
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(final, waiting=waiting):
        if usable(final):
            return final
        remove_drafts(final)
        draft = final.with_name(f".{final.name}.{secrets.token_hex(4)}.draft")
        try:
            fill(draft)
            _clear(final)
            draft.rename(final)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return final


def flush(folder: Path) -> None:
    """Write a folder with all that is in it through to the disk: after a power failure it is whole, or not there."""
    for inside, _, names in os.walk(folder, topdown=False):
        for path in [*(os.path.join(inside, name) for name in names), inside]:
            if not os.path.islink(path):
                _flush_one(path)


def _flush_one(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _clear(final: Path) -> None:
    """Remove an unusable folder, or a link that leads nowhere."""
    if final.is_symlink():
        final.unlink()
    shutil.rmtree(final, ignore_errors=True)


@contextmanager
def exclusive(place: Path, *, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Be the only one to work on `place`, among all processes of this machine."""
    lock = _lock_file(place)
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as handle:  # not inherited by children, so it ends with this process alone
        while not _taken(handle.fileno()):
            waiting()
            time.sleep(POLL_SECONDS)
        yield


def set_aside(final: Path) -> Path | None:
    """Take a folder's name from it, before it is removed: nobody ever finds half of it. Call it while holding the lock.

    Gives where it lies now; None when it was not there.
    """
    aside = final.with_name(f".{final.name}.{secrets.token_hex(4)}.removed")
    try:
        return final.rename(aside)
    except FileNotFoundError:
        return None


def remove_drafts(final: Path) -> None:
    """Remove what killed workers left; call it while holding the lock."""
    for draft in final.parent.glob(f".{final.name}.*.draft"):
        shutil.rmtree(draft, ignore_errors=True)


def _lock_file(place: Path) -> Path:
    """Stays on disk for ever: removing it would let two processes hold 'the' lock."""
    return place.with_name(f".{place.name}.lock")


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
