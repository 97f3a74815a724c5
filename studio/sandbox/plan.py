"""What a program behind walls needs. Pure: it says nothing of how it is walled in."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NO_CORE_FILE = ("CORE", 0)


@dataclass(frozen=True)
class Plan:
    """`program` is started in `folder` with exactly `environment`. All paths are absolute.

    `readable` and `writable` are files and folders beyond the system's own; a writable one may lie below a readable
    one. `hidden` folders, the studio's own, stay out of sight even where they lie in the system's, but for what is
    named here. `temporary` is what it finds at /tmp, where it has a file system of its own. `user`: as whom it runs,
    when the studio is root. `network`: whether it sees the network at all; `connects`: whether it may open connections
    to others there, instead of accepting them alone; `ports`: which it may listen on beside any free one, None: all.
    `limits`: names of RLIMIT_* and values, set as hard limits.
    """

    program: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    temporary: Path | None = None
    user: int | None = None
    network: bool = True
    connects: bool = True
    ports: tuple[int, ...] | None = None
    limits: tuple[tuple[str, int], ...] = (NO_CORE_FILE,)

    @property
    def is_cut_off(self) -> bool:
        """Nothing of it may reach others."""
        return not (self.network and self.connects)


def interpreter_folders(python: Path) -> tuple[Path, ...]:
    """What a Python interpreter needs to be readable outside of /usr: its environment, and that which it was made from.

    A virtual environment's interpreter is a link, over others perhaps, to the one it was made from.
    """
    found, place = [python.parent.parent], python
    while place.is_symlink():
        found.append(place.parent)
        place = Path(os.path.normpath(place.parent / place.readlink()))
    found += [place.parent.parent, place.resolve().parent.parent]
    needed = [folder for folder in found if folder.parts[:2] not in (("/",), ("/", "usr"))]
    return tuple(
        one for one in dict.fromkeys(needed) if not any(one != outer and one.is_relative_to(outer) for outer in needed)
    )
