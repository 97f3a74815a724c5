"""The arguments of bubblewrap for a plan. Pure.

They hold against root only where the program's identity was dropped before bubblewrap was started: `--uid` renames, it
does not change who the host sees.
"""

from collections.abc import Iterable
from pathlib import Path

from studio.sandbox.plan import Plan
from studio.sandbox.system import ROOT_LINKS, SETTINGS, SYSTEM

NAMESPACES = ("user", "pid", "ipc", "uts", "cgroup-try")
SHARED_MEMORY_BYTES = 1 << 30  # of /dev/shm, and of /tmp where it is no folder: they are memory
RUN_BYTES = 1 << 20


def arguments(plan: Plan, *, accelerators: Iterable[str] = (), links: Iterable[tuple[str, str]] = ()) -> list[str]:
    """All but the program itself. `links`: (path, target) of links in the root folder, such as /lib; `accelerators`:
    the devices that are there."""
    given = [f"--unshare-{name}" for name in NAMESPACES]
    given += [] if plan.network else ["--unshare-net"]
    given += ["--cap-drop", "ALL", "--disable-userns", "--new-session", "--die-with-parent", "--as-pid-1", "--clearenv"]
    given += _system(links, accelerators)
    given += _temporary(plan) + _folders(plan)
    for path in (*plan.hidden, Path("/")):  # what is no mount of its own would be written to memory
        given += ["--remount-ro", str(path)]
    given += ["--chdir", str(plan.folder)]
    for name, value in plan.environment.items():
        given += ["--setenv", name, value]
    return given


def _system(links: Iterable[tuple[str, str]], accelerators: Iterable[str]) -> list[str]:
    given: list[str] = []
    for path in SYSTEM[:2]:
        given += ["--ro-bind-try", path, path]
    linked = dict(links)
    for path in ROOT_LINKS:
        given += ["--symlink", linked[path], path] if path in linked else ["--ro-bind-try", path, path]
    for path in (*SETTINGS, *SYSTEM[2:]):
        given += ["--ro-bind-try", path, path]
    given += ["--proc", "/proc", "--dev", "/dev", "--size", str(SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm"]  # noqa: S108
    for path in accelerators:
        given += ["--dev-bind-try", path, path]
    return given


def _temporary(plan: Plan) -> list[str]:
    given = ["--size", str(RUN_BYTES), "--tmpfs", "/run"]
    if plan.temporary:
        return [*given, "--bind", str(plan.temporary), "/tmp"]  # noqa: S108 - inside
    return [*given, "--size", str(SHARED_MEMORY_BYTES), "--tmpfs", "/tmp"]  # noqa: S108 - inside


def _folders(plan: Plan) -> list[str]:
    """Outer folders first, so that none covers one that lies in it."""
    kinds = [(path, ["--tmpfs"]) for path in plan.hidden]
    kinds += [(path, ["--ro-bind", str(path)]) for path in plan.readable]
    kinds += [(path, ["--bind", str(path)]) for path in plan.writable]
    given: list[str] = []
    for path, kind in sorted(kinds, key=lambda one: len(one[0].parts)):
        given += [*kind, str(path)]
    return given


def links_of(root: Path = Path("/")) -> list[tuple[str, str]]:
    """Which of the folders in the root folder are links, and where they lead."""
    found = [(path, root / path.lstrip("/")) for path in ROOT_LINKS]
    return [(path, str(place.readlink())) for path, place in found if place.is_symlink()]
