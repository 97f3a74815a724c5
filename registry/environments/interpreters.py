"""Which Pythons this machine has."""

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from registry.environments.uv import environment_variables, python_list_arguments
from studio.core.errors import BadInput

SECONDS = 30


@dataclass(frozen=True)
class Interpreter:
    version: str  # "3.11.7"
    path: Path

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])


def own() -> Interpreter:
    """The Python that the studio itself was made from (not its virtual environment)."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    return Interpreter(".".join(map(str, sys.version_info[:3])), Path(base).resolve())


def installed() -> list[Interpreter]:
    """The studio's own first, then others, newest first; each version once."""
    listing = subprocess.run(
        python_list_arguments(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env=environment_variables(),
    )
    others = _read(listing.stdout) if listing.returncode == 0 else []
    found: dict[str, Interpreter] = {}
    for interpreter in [own(), *others]:
        found.setdefault(interpreter.version, interpreter)
    return list(found.values())


def _read(text: str) -> list[Interpreter]:
    """uv's listing, newest first. Of equal versions, a wrapper that picks a Python at run time comes last."""
    rows = [row for row in json.loads(text or "[]") if row.get("implementation") == "cpython" and row.get("path")]
    rows = [row for row in rows if row.get("variant", "default") == "default"]
    rows.sort(key=lambda row: "shims" in row["path"])
    rows.sort(key=lambda row: [row["version_parts"][part] for part in ("major", "minor", "patch")], reverse=True)
    return [Interpreter(row["version"], Path(row["path"])) for row in rows]


def interpreter_for(version: str) -> Interpreter:
    """The Python of that version ('3.11' or '3.11.7'). `BadInput` lists what is installed when it is not."""
    mine = own()
    if matches(mine, version):
        return mine
    found = installed()
    for interpreter in found:
        if matches(interpreter, version):
            return interpreter
    raise BadInput(
        f"Python {version} is not installed on this machine; these are: {versions(found)}.",
        code="python_missing",
        hint="Make an environment with an installed version, or ask an administrator to install this one.",
        field="python_version",
    )


def matches(interpreter: Interpreter, version: str) -> bool:
    return version in {interpreter.version, interpreter.minor}


def versions(found: Iterable[Interpreter]) -> str:
    return ", ".join(interpreter.version for interpreter in found)
