"""The rules of Landlock for a plan. Pure, but for a look into folders that hold hidden ones."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from studio.sandbox.plan import Plan
from studio.sandbox.system import DEVICES, ROOT_LINKS, SETTINGS, SHARED_MEMORY, SYSTEM


def file_rules(plan: Plan, *, accelerators: Iterable[str] = ()) -> dict[str, list[str]]:
    """Paths by what is granted: "read" includes running programs, "write" everything, "device" reading and writing."""
    granted = [*map(Path, (*SYSTEM, *ROOT_LINKS, *SETTINGS, "/proc")), *plan.readable]
    return {
        "read": [str(path) for one in granted for path in around(one, plan.hidden)],
        "write": [SHARED_MEMORY, *map(str, plan.writable)],
        "device": [*DEVICES, *accelerators],
    }


def around(folder: Path, hidden: Iterable[Path]) -> list[Path]:
    """The folder, or all in it that is not hidden: what is granted cannot be taken back further down."""
    if folder in hidden:
        return []
    if not any(one.is_relative_to(folder) for one in hidden) or not folder.is_dir():
        return [folder]
    return [path for inner in sorted(folder.iterdir()) for path in around(inner, hidden)]


def rules(plan: Plan, *, files: bool, accelerators: Iterable[str] = ()) -> dict[str, Any]:
    """What `landlock.restrict` takes. Without `files` only what is no file is restricted: signals, sockets, ports."""
    return {
        "files": file_rules(plan, accelerators=accelerators) if files else None,
        "bind": None if plan.ports is None else [0, *plan.ports],
        "connect": [] if plan.is_cut_off else None,
    }
