"""Telemetry that lies in the run folders of instances which may connect to nobody. User code can write there, too."""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from deployments.targets.untrusted_files import read_untrusted_bytes

MOST_WINDOWS = 200  # at a time
MOST_NAMES = 20_000  # that are looked at: a day of windows, and a little more
NAME = re.compile(r"[0-9]{16}\.json")


def take_windows(folder: Path, keep: Callable[[list[bytes]], None]) -> int:
    """As `deployments.targets.base.KeepsWindows` says. What is no regular file is removed unread."""
    names = _oldest(folder)
    found = [read_untrusted_bytes(folder / name) for name in names]
    windows = [content for content in found if content]
    if windows:
        keep(windows)
    for name in names:
        with suppress(OSError):
            os.unlink(folder / name)
    return len(windows)


def _oldest(folder: Path) -> list[str]:
    if folder.is_symlink():
        return []
    names: list[str] = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if NAME.fullmatch(entry.name) and not entry.is_dir(follow_symlinks=False):
                names.append(entry.name)
            if len(names) >= MOST_NAMES:
                break
    return sorted(names)[:MOST_WINDOWS]
