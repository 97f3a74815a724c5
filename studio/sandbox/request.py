"""What the keeper is asked for: a plan behind one level of walls. Pure, but for a look at which devices are there."""

import json
import os
import sys
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

from studio.sandbox import bubblewrap, seccomp
from studio.sandbox.landlock import SCOPES_SINCE
from studio.sandbox.levels import Level, Walls
from studio.sandbox.plan import Plan
from studio.sandbox.rules import rules
from studio.sandbox.system import ACCELERATORS

KEEPER = Path(__file__).with_name("keeper.py")
BUBBLEWRAP = ("/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap")


@dataclass(frozen=True)
class Keeping:
    """What the keeper does beside starting the program.

    `detached`: it belongs to nobody and outlives who starts it, who waits only until the program has been started;
    otherwise all ends with the thread that starts it. `processes` and `exit` are files that it writes: numbers of the
    keeper and the program as JSON, and the exit code. `begun`: once this file is there, the program handles SIGTERM and
    SIGHUP. `log`: where its output goes, if that is to be kept from growing without end. `held`: descriptors that it
    inherits and keeps open as long as it lives, unlike the program.
    """

    detached: bool = False
    processes: Path | None = None
    exit: Path | None = None
    begun: Path | None = None
    log: Path | None = None
    held: tuple[int, ...] = ()


def keeper_command(label: str = "") -> list[str]:
    """The keeper's command line. Its environment may be empty; the program's comes with the request. `label` tells
    people who look at a list of processes what it keeps."""
    return [sys.executable, "-I", "-S", "-B", str(KEEPER), *([label] if label else [])]


def request(plan: Plan, walls: Walls, keeping: Keeping = Keeping(), *, level: Level | None = None) -> bytes:
    """The keeper's standard input. `level`: lower than the best that stands."""
    level = level or walls.level
    devices = sorted(found for pattern in ACCELERATORS for found in glob(pattern))
    asked: dict[str, Any] = {
        "program": list(plan.program),
        "environment": dict(plan.environment),
        "folder": str(plan.folder),
        "paths": [str(path) for path in {plan.folder, *plan.readable, *plan.writable, *_given(plan.temporary)}],
        "user": plan.user if level != "none" else None,
        "limits": list(plan.limits),
        "bubblewrap": bubblewrap_path() if level == "bubblewrap" else "",
        "arguments": command_arguments(plan, devices) if level == "bubblewrap" else [],
        "landlock": landlock_rules(plan, level, walls.landlock, devices),
        "drop_capabilities": level == "landlock" and os.geteuid() == 0,
        "refuse_connections": refuses_connections(plan, level),
        "no_new_privileges": level != "none" and sys.platform == "linux",
        "parent": os.getpid(),
        "detached": keeping.detached,
        "processes": _text(keeping.processes),
        "exit": _text(keeping.exit),
        "begun": _text(keeping.begun),
        "log": _text(keeping.log),
        "held": list(keeping.held),
    }
    return json.dumps(asked).encode()


def command_arguments(plan: Plan, devices: list[str]) -> list[str]:
    return bubblewrap.arguments(plan, accelerators=devices, links=bubblewrap.links_of())


def landlock_rules(plan: Plan, level: Level, version: int, devices: list[str]) -> dict[str, Any] | None:
    """For `landlock` all of them. Inside bubblewrap files need none, and rules for them would forbid its mounts."""
    if level == "landlock":
        return rules(plan, files=True, accelerators=devices)
    if level == "bubblewrap" and version >= SCOPES_SINCE:
        return rules(plan, files=False)
    return None


def refuses_connections(plan: Plan, level: Level) -> bool:
    """Whether system calls are filtered. Bubblewrap makes a network of its own with calls that the filter refuses, and
    a program in it needs no filter."""
    has_own_network = level == "bubblewrap" and not plan.network
    return plan.is_cut_off and not has_own_network and level != "none" and seccomp.is_known()


def bubblewrap_path() -> str:
    """Where bubblewrap is; empty where it is not."""
    return next((path for path in BUBBLEWRAP if os.access(path, os.X_OK)), "")


def _given(path: Path | None) -> list[Path]:
    return [path] if path else []


def _text(path: Path | None) -> str:
    return str(path) if path else ""
