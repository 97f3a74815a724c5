"""Open a way for another user through folders that are closed to it. Standard library only: the keeper uses it.

The studio's data folder is closed to everybody else, and so may be the home that Slipway lies in. For a program of
another user, each such folder is covered by an empty one that holds the program's own paths, in a mount namespace of
its own: the host sees nothing of it, and the rest of the folder cannot be reached from inside.
"""

import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path

CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 1 << 18


def open_way(paths: Iterable[str], user: int) -> None:
    """For the user (and the group of the same number). Needs root with CAP_SYS_ADMIN where a folder is closed."""
    behind: dict[str, list[str]] = {}
    for path in sorted(set(paths)):  # outer ones first
        closed = closed_folder(path, user)
        if closed is not None and not any(Path(path).is_relative_to(outer) for outer in behind.get(closed, [])):
            behind.setdefault(closed, []).append(path)
    if not behind:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.unshare(CLONE_NEWNS), "unshare")
    _mount(libc, "none", "/", None, MS_REC | MS_PRIVATE, None)
    opened = {path: os.open(path, os.O_PATH) for inner in behind.values() for path in inner}
    for closed, inner in behind.items():
        _mount(libc, "tmpfs", closed, "tmpfs", 0, "mode=0755,size=1m")
        for path in inner:
            _make_place(path, is_folder=stat.S_ISDIR(os.fstat(opened[path]).st_mode))
            _mount(libc, f"/proc/self/fd/{opened[path]}", path, None, MS_BIND | MS_REC, None)
    for descriptor in opened.values():
        os.close(descriptor)


def closed_folder(path: str, user: int) -> str | None:
    """The outermost folder on the way to the path that the user may not enter."""
    for folder in reversed(Path(path).parents):
        found = folder.stat()
        bit = stat.S_IXUSR if found.st_uid == user else stat.S_IXGRP if found.st_gid == user else stat.S_IXOTH
        if not found.st_mode & bit:
            return str(folder)
    return None


def _make_place(path: str, *, is_folder: bool) -> None:
    before = os.umask(0o022)
    try:
        os.makedirs(path if is_folder else os.path.dirname(path), exist_ok=True)
        if not is_folder:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    finally:
        os.umask(before)


def _mount(libc: ctypes.CDLL, source: str, place: str, kind: str | None, flags: int, data: str | None) -> None:
    given = [None if one is None else os.fsencode(one) for one in (source, place, kind, data)]
    _check(libc.mount(given[0], given[1], given[2], ctypes.c_ulong(flags), given[3]), f"mount {place}")


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
