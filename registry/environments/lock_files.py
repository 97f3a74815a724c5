"""Read what uv leaves: the lock as a table, the log's end. Pure apart from the reading."""

import re
from dataclasses import dataclass
from pathlib import Path

from registry.environments.wheel_places import PRIVATE

TAIL_BYTES = 100_000
_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)(?P<rest>[^\\]*)")


@dataclass(frozen=True)
class Package:
    """One line of a lock; `wanted_by` names what asked for it."""

    name: str
    version: str
    marker: str
    wanted_by: str


def packages_of(lock: str) -> list[Package]:
    """The packages of a lock with hashes, in its order."""
    found: list[list[str]] = []
    for line in lock.splitlines():
        if match := _PINNED.match(line):
            found.append([match["name"], match["version"], match["rest"].strip(" ;"), ""])
        elif found and line.lstrip().startswith("#"):
            reason = line.strip().lstrip("#").strip().removeprefix("via").strip()
            found[-1][3] = ", ".join(filter(None, [found[-1][3], _source_of(reason)]))
    return [Package(*parts) for parts in found]


def _source_of(reason: str) -> str:
    names = {
        "-r environment.in": "the definition",
        "-r scoring-server.in": "the scoring server",
        f"-r {PRIVATE}": "the private wheels",
    }
    return names.get(reason, reason)


def read_tail(path: Path) -> str:
    """The end of a log; empty when there is none."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, 2) - TAIL_BYTES))
            return log.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
