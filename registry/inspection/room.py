"""Where programs of ours handle untrusted files: behind the machine's walls, without network, in a room of their own.

Without walls (`studio.sandbox`) a program still runs as a session of its own, without network where the system allows,
and with nothing of ours in its environment.
"""

import functools
import os
import signal
import subprocess
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from registry.errors import WallsMissing
from scoring.opt_outs import OPT_OUTS
from studio.core.parent_death import die_with_parent_prefix
from studio.sandbox.current import current_walls, missing_walls, studio_number
from studio.sandbox.levels import Walls
from studio.sandbox.plan import Plan
from studio.sandbox.request import keeper_command, request

NO_NETWORK = (("unshare", "--net"), ("unshare", "--user", "--map-current-user", "--net"))
PROBE_SECONDS = 5
KEEPER_SECONDS = 5.0  # in which a keeper ends all that it keeps
INSPECTIONS = -2  # in the place of a service's number; dry runs have another one


@dataclass(frozen=True)
class Room:
    """`folder` is all that a program may write to, and with what else it `reads` all that it finds of the studio, where
    the machine has `walls`."""

    folder: Path
    reads: tuple[Path, ...] = ()
    walls: Callable[[], Walls] = current_walls


def start(
    command: list[str],
    folder: Path,
    room: Room,
    *,
    output: int = subprocess.DEVNULL,
    errors: int | None = None,
    kept: Collection[int] = (),
) -> "subprocess.Popen[bytes]":
    """Start it behind the walls of this machine. It ends with the thread that calls this; `kept` are descriptors that
    it inherits. Raises `WallsMissing` where the settings ask for more."""
    if problem := missing_walls():
        raise WallsMissing(problem)
    walls = room.walls()
    variables = environment(str(folder))
    if walls.level == "none":
        prefix, given = (*without_network(), *die_with_parent_prefix(), *command), None
    else:
        plan = _plan(command, folder, room, variables, walls)
        prefix, given = (*_network_prefix(walls), *keeper_command()), request(plan, walls)
    process = subprocess.Popen(
        prefix,
        cwd=folder if given is None else None,
        env=variables if given is None else {"PATH": variables["PATH"]},
        stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
        stdout=output,
        stderr=errors,
        pass_fds=tuple(kept),
        start_new_session=True,
    )
    if process.stdin and given is not None:
        with process.stdin as keeper, suppress(BrokenPipeError):  # a keeper that has ended says why with its exit code
            keeper.write(given)
    return process


def _plan(command: list[str], folder: Path, room: Room, variables: Mapping[str, str], walls: Walls) -> Plan:
    return Plan(
        program=tuple(command),
        environment=variables,
        folder=folder,
        readable=room.reads,
        writable=(room.folder,),
        hidden=(settings.DATA_DIR,),
        user=user_of_inspections(walls),
        network=False,
        ports=(),
    )


def user_of_inspections(walls: Walls) -> int | None:
    """As whom they run: no service has this number."""
    return walls.user_for(INSPECTIONS, studio_number())


def hand_over(folder: Path, walls: Walls) -> None:
    """Let the program into what was laid out for it, all of it copies: the folder and all below become its user's. Only
    root can and need do that."""
    user = user_of_inspections(walls) or os.geteuid()
    if os.geteuid() == 0:
        for inside, _, names in os.walk(folder):
            for path in (inside, *(os.path.join(inside, name) for name in names)):
                os.lchown(path, user, user)


def _network_prefix(walls: Walls) -> tuple[str, ...]:
    return () if walls.level == "bubblewrap" else without_network()  # bubblewrap does it itself


def environment(folder: str) -> dict[str, str]:
    """Nothing of ours: no secrets, no addresses. One thread, so that memory is what the model needs."""
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    own = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": folder, "TMPDIR": folder}
    return own | threads | OPT_OUTS


@functools.cache
def without_network() -> tuple[str, ...]:
    """The prefix that takes the network away, if this system lets us; asked once a process."""
    for prefix in NO_NETWORK:
        try:
            probe = subprocess.run([*prefix, "true"], capture_output=True, timeout=PROBE_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if probe.returncode == 0:
            return prefix
    return ()


def end(process: "subprocess.Popen[bytes]") -> None:
    """Whatever is left of it goes, too. A keeper, to which `start` has written, does that itself."""
    if process.stdin is not None and process.poll() is None:
        process.send_signal(signal.SIGQUIT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(KEEPER_SECONDS)
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    except PermissionError:  # macOS says so of a group that has just ended
        process.kill()
    process.wait()
