"""Let users of their own read what the studio has built. Only root gets here."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

READABLE = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
RUNNABLE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


def let_read(folder: Path) -> None:
    """Let every user read what was built, who gets through the closed folder around it. What has been seen to once is
    marked: its owner's sticky bit, which says nothing else for a folder that others may not write to."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & stat.S_ISVTX:
        return
    for path in _below(folder):
        found = path.lstat()
        if not stat.S_ISLNK(found.st_mode):
            _add(path, found.st_mode)
    folder.chmod(mode | READABLE | RUNNABLE | stat.S_ISVTX)


def _add(path: Path, mode: int) -> None:
    wanted = mode | READABLE | (RUNNABLE if mode & stat.S_IXUSR else 0)
    if wanted != mode:
        path.chmod(stat.S_IMODE(wanted))


def _below(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        yield from (Path(where, name) for name in folders + files)
