"""Where packages without a wheel are built. Their build scripts are other people's programs: they run behind the walls
of this machine, beside nothing of the studio's, with a cache of their own that is thrown away."""

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from registry.errors import WallsMissing
from studio.core.errors import Conflict
from studio.sandbox.current import current_walls, missing_walls, studio_number
from studio.sandbox.levels import Walls
from studio.sandbox.plan import Plan, interpreter_folders
from studio.sandbox.request import request

BUILDS = -3  # in the place of a service's number; inspections and dry runs have others
NO_SPECIAL_BITS = ~(stat.S_ISUID | stat.S_ISGID | stat.S_IWGRP | stat.S_IWOTH)
SCRATCH = ".build"  # goes with the folder it lies in, if nobody gets round to removing it before
OWN = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "UV_CACHE_DIR", "NETRC")  # variables that it decides


@dataclass(frozen=True)
class BuildRoom:
    """`folder` is what is made; `scratch` in it, which is thrown away, holds its home, cache and temporary files.
    `reads` are further files and folders that it needs."""

    folder: Path
    scratch: Path
    python: Path
    reads: tuple[Path, ...]
    walls: Walls

    def request(self, program: list[str], variables: Mapping[str, str]) -> bytes:
        """What the keeper is asked for."""
        temporary = "/tmp" if self.walls.level == "bubblewrap" else str(self.scratch / "tmp")  # noqa: S108 - inside
        own = {"HOME": str(self.scratch / "home"), "UV_CACHE_DIR": str(self.scratch / "cache"), "TMPDIR": temporary}
        plan = Plan(
            program=(str(Path(program[0]).resolve()), *program[1:]),
            environment={name: value for name, value in variables.items() if name not in OWN} | own,
            folder=self.folder,
            readable=(*interpreter_folders(self.python), Path(program[0]).resolve(), *self.reads),
            writable=(self.folder,),
            hidden=(settings.DATA_DIR,),
            temporary=self.scratch / "tmp",
            user=self.walls.user_for(BUILDS, studio_number()),
        )
        return request(plan, self.walls)


@contextmanager
def build_room(folder: Path, python: Path, reads: tuple[Path, ...]) -> Iterator[BuildRoom | None]:
    """For one run in `folder`, which is the studio's again afterwards. None on a machine without walls.

    Raises `WallsMissing` where the settings ask for better walls than there are.
    """
    if problem := missing_walls():
        raise WallsMissing(problem)
    walls = current_walls()
    if walls.level == "none":
        yield None
        return
    user = walls.user_for(BUILDS, studio_number())
    reads = tuple(path for path in reads if path.exists())
    if user is not None:
        _check_readable(reads)
    scratch = folder / SCRATCH
    try:
        _furnish(scratch)
        _give(folder, user)
        yield BuildRoom(folder, scratch, python, reads, walls)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)  # first: what was linked from its cache has one name again
        _take_back(folder, user)


def _check_readable(paths: tuple[Path, ...]) -> None:
    for path in paths:
        needed = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
        if path.stat().st_mode & needed != needed:
            raise Conflict(
                f"A package has to be built, which a user of its own does, and {path} is closed to other users.",
                hint=f"Let others read it: chmod -R o+rX {path}",
                code="build_input_closed",
            )


def _furnish(scratch: Path) -> None:
    """A home with what says how the package index is reached, and nothing else of ours."""
    home = scratch / "home"
    for made in (home / ".config", scratch / "cache", scratch / "tmp"):
        made.mkdir(parents=True)
    netrc = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    if netrc.is_file():
        shutil.copyfile(netrc, home / ".netrc")
    configured = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "uv"
    if configured.is_dir():
        shutil.copytree(configured, home / ".config" / "uv")


def _give(folder: Path, user: int | None) -> None:
    if user is not None:
        for path in _all_in(folder):
            os.lchown(path, user, user)


def _take_back(folder: Path, user: int | None) -> None:
    """What the build has made becomes the studio's, who alone may write to it. No link is followed, and what it has
    only linked to stays whose it is."""
    if user is None:
        return
    for path in _all_in(folder):
        found = path.lstat()
        if found.st_uid == user:
            os.lchown(path, os.geteuid(), os.getegid())
            if not stat.S_ISLNK(found.st_mode):
                path.chmod(stat.S_IMODE(found.st_mode) & NO_SPECIAL_BITS)


def _all_in(folder: Path) -> Iterator[Path]:
    yield folder
    for where, folders, files in os.walk(folder):
        yield from (Path(where, name) for name in folders + files)
