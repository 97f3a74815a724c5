"""Private wheels where they lie while a lock is made, and the lock without those places. Knows no tables."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import parse_wheel_filename

PRIVATE = "private-wheels.in"  # the file that names them to the resolver


@dataclass(frozen=True)
class PrivateFile:
    """A private wheel where it lies while a lock is made."""

    name: str
    version: str
    uri: str

    @property
    def line(self) -> str:
        """The requirement that no package of the same name elsewhere can satisfy."""
        return f"{self.name} @ {self.uri}"


def without_places(lock: str, wheels: Sequence[PrivateFile]) -> str:
    """A lock that names private wheels by version instead of by where they lay; their hashes tell them apart from
    others of the same name."""
    for wheel in wheels:
        lock = lock.replace(f"{wheel.line} ", f"{wheel.name}=={wheel.version} ")
    return lock


def with_places(lock: str, wheels: Sequence[PrivateFile]) -> str:
    """The opposite, for an installer that would look elsewhere for a file of that name, too."""
    for wheel in wheels:
        pinned = re.compile(rf"^{re.escape(wheel.name)}=={re.escape(wheel.version)} ", re.MULTILINE)
        lock = pinned.sub(f"{wheel.line} ".replace("\\", "\\\\"), lock)
    return lock


def without_files(lock: str, wheels: Sequence[PrivateFile]) -> str:
    """The lock without these wheels, for a program that fetches the other files."""
    for wheel in wheels:
        pinned = rf"^{re.escape(wheel.name)}=={re.escape(wheel.version)} [^\n]*\n(?:[ \t]+[^\n]*\n?)*"
        lock = re.sub(pinned, "", lock, flags=re.MULTILINE)
    return lock


def files_in(folder: str) -> list[PrivateFile]:
    """The wheels in a folder of private wheels."""
    found = []
    for path in sorted(Path(folder).glob("*.whl")) if folder else []:
        name, version, _, _ = parse_wheel_filename(path.name)
        found.append(PrivateFile(str(name), str(version), path.resolve().as_uri()))
    return found
