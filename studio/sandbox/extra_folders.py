"""Folders of the machine that user code may read beyond its own: which of them can be granted."""

from collections.abc import Iterable
from pathlib import Path

SETTING = "SLIPWAY_READABLE_FOLDERS"
NEVER = tuple(map(Path, ("/proc", "/sys", "/dev", "/run", "/var/run")))  # what the walls themselves replace or hide


def problem_of(folder: Path, data: Path) -> str:
    """Why the folder cannot be granted; empty where it can. `data` is the studio's data folder.

    Both count: where it is named, which is where user code finds it, and where links lead.
    """
    if not folder.is_absolute() or ".." in folder.parts:
        return (
            f"{SETTING} names {folder}, which is not an absolute path. Write the whole path, such as /data/reference."
        )
    real = folder.resolve()
    for kept, what in ((data.resolve(), "the studio's data folder"), *((path, str(path)) for path in NEVER)):
        if any(one.is_relative_to(kept) or kept.is_relative_to(one) for one in (folder, real)):
            return f"{SETTING} names {folder}, which holds or lies in {what}. Name a folder that holds only data."
    if not real.is_dir():
        return f"{SETTING} names {folder}, which is not a folder of this machine. Create it or correct the setting."
    return ""


def sort_out(names: Iterable[str], data: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """The folders that can be granted, and what is wrong with the others."""
    folders = [Path(name) for name in names if name]
    problems = {folder: problem_of(folder, data) for folder in folders}
    granted = tuple(folder for folder in problems if not problems[folder])
    return granted, tuple(filter(None, problems.values()))
