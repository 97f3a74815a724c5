"""What walls does this machine offer? Each level is tried, as a name in PATH or a kernel's version promises nothing:
user namespaces may be forbidden, Landlock turned off, and root may be no root."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from studio.sandbox import landlock
from studio.sandbox.levels import FIRST_USER, LEVELS, Level, Walls
from studio.sandbox.plan import Plan, interpreter_folders
from studio.sandbox.request import bubblewrap_path, keeper_command, request

PROGRAM = Path(__file__).with_name("probe_program.py")
PROBE_SECONDS = 20.0
PROBE_USER = FIRST_USER - 1
VERSION = 1  # of what is tried: an answer in the cache is of the same
SAID = 300  # characters of what a level complains


@dataclass(frozen=True)
class Found:
    """What a program behind a level was and could do; with `error`, why it was not even started."""

    error: str = ""
    capabilities: int = 0
    no_new_privileges: bool = False
    user: int = -1  # whose its files are on the host
    processes: int = 0  # that it sees
    read_secret: bool = False
    write_outside: bool = False
    signal: bool = False
    remount: bool = False
    nest: bool = False


def probe(most: Level = "bubblewrap") -> Walls:
    """The best walls, but none better than `most`."""
    known = landlock.version() if sys.platform == "linux" else 0
    missing: dict[str, str] = {}
    for level in reversed(LEVELS[1 : LEVELS.index(most) + 1]):
        for changes_user in (True, False) if os.geteuid() == 0 else (False,):
            walls = Walls(level, changes_user, known)
            if not (problem := _obstacle(walls) or problem_of(walls, look_behind(walls))):
                return replace(walls, missing=missing)
            missing.setdefault(level, problem)
    return Walls("none", landlock=known, missing=missing)


def _obstacle(walls: Walls) -> str:
    """Why trying is pointless."""
    if sys.platform != "linux":
        return "only Linux has it."
    if walls.level == "bubblewrap" and not bubblewrap_path():
        return "bubblewrap is not installed."
    if walls.level == "landlock" and not walls.landlock:
        return "this kernel has it not, or has it turned off."
    if walls.level == "uid" and not walls.changes_user:
        return "only root may change the user."
    return ""


def problem_of(walls: Walls, found: Found) -> str:
    """Pure: what a level does not hold although it should; empty when it holds."""
    if found.error:
        return found.error
    holds = {
        "it keeps capabilities": found.capabilities == 0,
        "it may gain privileges": found.no_new_privileges,
        "it reads files of the studio": not found.read_secret,
        "it remounts folders": not found.remount,
    }
    if walls.changes_user:
        holds["the host sees the studio's user"] = found.user == PROBE_USER
    if walls.level in ("landlock", "bubblewrap"):
        holds["it writes elsewhere"] = not found.write_outside
    if walls.level == "bubblewrap":
        holds["it makes namespaces"] = not found.nest
        holds["it sees other processes"] = found.processes <= 1
    broken = [what for what, held in holds.items() if not held]
    return f"it was tried and does not hold: {', '.join(broken)}." if broken else ""


def look_behind(walls: Walls) -> Found:
    """Run the program behind the level, and see what it was and could do."""
    with tempfile.TemporaryDirectory(prefix="slipway-walls-") as name:
        outside = Path(name).resolve()
        folder, secret = outside / "own", outside / "secret"
        folder.mkdir()
        secret.touch(mode=0o600)
        user = PROBE_USER if walls.changes_user else None
        if user is not None:
            os.chown(folder, user, user)
        python = Path(sys.executable)
        program = (
            str(python),
            "-I",
            "-B",
            str(PROGRAM),
            str(secret),
            str(outside),
            str(folder),
            str(os.getpid()),
            msgspec.__file__,
        )
        plan = Plan(
            program=program,
            environment={"PATH": "/usr/bin:/bin"},
            folder=folder,
            readable=(*interpreter_folders(python), PROGRAM, Path(msgspec.__file__).parent),
            writable=(folder,),
            user=user,
        )
        try:
            ended = subprocess.run(
                keeper_command(), input=request(plan, walls), capture_output=True, timeout=PROBE_SECONDS, check=False
            )
            told: dict[str, Any] = json.loads(ended.stdout)
            # A file system of its own may look the same from inside: only the host knows what was written.
            return Found(**told, user=(folder / "mine").stat().st_uid, write_outside=(outside / "written").exists())
        except subprocess.TimeoutExpired:
            return Found(error=f"it did not answer within {PROBE_SECONDS:g} s.")
        except (OSError, ValueError, TypeError):
            return Found(error=f"it was tried and failed: {ended.stderr.decode(errors='replace').strip()[-SAID:]}")


def probe_once(cache: Path, most: Level = "bubblewrap") -> Walls:
    """The same, remembered in a file for as long as the machine is the same."""
    machine = _machine(most)
    with suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads(cache.read_bytes())
        if kept["machine"] == machine:
            return msgspec.convert(kept["walls"], Walls)
    walls = probe(most)
    with suppress(OSError):  # without a disk it is tried again next time
        cache.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = cache.with_name(f"{cache.name}.{os.getpid()}.new")
        draft.write_bytes(msgspec.json.encode({"machine": machine, "walls": walls}))
        draft.replace(cache)
    return walls


def _machine(most: Level) -> dict[str, Any]:
    """What an answer depends on."""
    binary = bubblewrap_path()
    told = Path(binary).stat() if binary else None
    return {
        "version": VERSION,
        "most": most,
        "kernel": platform.release(),
        "boot": _boot(),
        "bubblewrap": [binary, told.st_mtime, told.st_size] if told else [],
        "user": os.geteuid(),
        "python": sys.executable,
    }


def _boot() -> str:
    """Settings of the kernel, which may forbid what was tried, last until it starts again or somebody changes them."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""
