"""Whose the files of an instance are, where services run under users of their own. Only root gets here."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from deployments.targets.local.run_folder import RunFolder, ServiceFolder


def hand_out(service: ServiceFolder, folder: RunFolder, user: int) -> None:
    """`control` may be read by the user's group, `work` and what the service shares are the user's."""
    os.chown(folder.control, -1, user)
    folder.control.chmod(0o750)
    for path in (folder.log, folder.run, folder.keys):
        if path.exists():
            os.chown(path, -1, user)
            path.chmod(0o640)
    for own in (folder.work, folder.home, folder.temporary, service.shared):
        give(own, user)


def give(folder: Path, user: int) -> None:
    """Make the folder and all in it the user's. No link is followed, and a file with two names is left alone: the other
    one may be elsewhere. The folder itself comes last, so that a look at it says whether all is done."""
    if folder.lstat().st_uid == user:
        return
    for path in _below(folder):
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode) or found.st_nlink == 1:
            os.lchown(path, user, user)
    os.lchown(folder, user, user)


def _below(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        yield from (Path(where, name) for name in folders + files)
