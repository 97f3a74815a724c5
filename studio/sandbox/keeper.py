"""The process between the studio and user code: it starts the program behind walls and sees to the end of all of it.

`python -I -S -B keeper.py`, with a request as standard input (`request.py` makes it). Run by its path and never
imported by the studio; standard library only, so that it starts in milliseconds.

It becomes the parent of every process below it that loses its own, and when the program has ended, it kills what is
left before it says so. Signals that it takes:

TERM  end: passed on to the program, which finishes what it is at; one that has not begun to serve is killed
QUIT  kill everything now
HUP   passed on
"""

import ctypes
import json
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from studio.sandbox import landlock, mounts, seccomp
else:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import landlock
    import mounts
    import seccomp

    del sys.path[0]

NOT_WALLED, NOT_RUNNABLE, NOT_FOUND = 125, 126, 127  # exit codes: of ours, then as a shell's
TAKEN = {signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT, signal.SIGCHLD}
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_CAPBSET_READ = 1, 24, 23
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
ROUND_SECONDS = 0.005
LOG_SECONDS = 30.0  # between looks at the size of the log
LOG_BYTES = 64 * 1024 * 1024
PIECE_BYTES = 1024 * 1024
IS_LINUX = sys.platform == "linux"


def main() -> int:
    """Serve one request; gives the program's exit code as a shell would (128 and the number of a signal)."""
    request = json.load(sys.stdin)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for descriptor in request["held"]:
        os.set_inheritable(descriptor, False)  # ours alone: user code could let go of the lock
    began, has_begun = os.pipe()
    if request["detached"] and os.fork():
        os.close(has_begun)
        os.read(began, 1)
        return 0
    os.close(began)
    keeper = Keeper(request)
    keeper.start()
    os.close(has_begun)  # whoever waits for the start goes on
    return keeper.attend()


class Keeper:
    """`request` is as `studio.sandbox.request` makes it."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request
        self._child = -1
        self._program: int | None = None  # its process, as the host sees it
        self._walled = True

    def start(self) -> None:
        """Start the program, and write down who it is."""
        if IS_LINUX:
            _prctl(PR_SET_CHILD_SUBREAPER, 1)
            if not self._request["detached"]:
                _prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
                if os.getppid() != self._request["parent"]:
                    sys.exit(NOT_WALLED)  # nobody waits for it any more
        signal.pthread_sigmask(signal.SIG_BLOCK, TAKEN)
        info, tell = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            os.close(info)
            _become_program(self._request, tell)
        os.close(tell)
        self._program = self._child
        if self._request["bubblewrap"]:
            self._program = _number_told(info)
            self._walled = self._program is not None
        os.close(info)
        if self._request["processes"]:
            known = {"keeper": os.getpid(), "program": self._program}
            _write(self._request["processes"], json.dumps(known))

    def attend(self) -> int:
        """Until the program has ended and nothing of it is left."""
        status = None
        while status is None:
            number = self._next_signal()
            if number in (signal.SIGQUIT, signal.SIGINT) or (number == signal.SIGTERM and not self._has_begun()):
                self._kill()
            elif number in (signal.SIGTERM, signal.SIGHUP):
                self._pass_on(signal.Signals(number))
            status = self._reap()
        code = os.waitstatus_to_exitcode(status)
        code = 128 - code if code < 0 else code if self._walled else NOT_WALLED
        if IS_LINUX:
            _end_orphans()
        if self._request["exit"]:
            _write(self._request["exit"], f"{code}\n")
        return code

    def _next_signal(self) -> int:
        """Waits for it, and keeps the log from growing without end meanwhile: the studio may be away for weeks."""
        if not self._request["log"] or not hasattr(signal, "sigtimedwait"):
            return signal.sigwait(TAKEN)
        while (found := signal.sigtimedwait(TAKEN, LOG_SECONDS)) is None:
            with suppress(OSError):  # a full disk
                _rotate(self._request["log"])
        return found.si_signo

    def _has_begun(self) -> bool:
        """Before that it handles no signal, and has nothing to finish."""
        return not self._request["begun"] or os.path.lexists(self._request["begun"])

    def _reap(self) -> int | None:
        """The program's status once it has ended; orphans are reaped on the way."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == self._child:
                    return status
                if pid == 0:
                    return None
        return 0

    def _pass_on(self, number: signal.Signals) -> None:
        with suppress(OSError):
            if self._program is not None:
                os.kill(self._program, number)

    def _kill(self) -> None:
        for kill in (os.killpg, os.kill):  # the second for a program that had no time to lead a group
            with suppress(OSError):
                kill(self._child, signal.SIGKILL)


def _become_program(request: dict[str, Any], tell: int) -> NoReturn:
    """In the child: lower everything, then become the program."""
    keeper, code = os.getppid(), NOT_WALLED
    try:
        os.setsid()
        for number in (*TAKEN, signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores the last two
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, TAKEN)
        command, environment = _command(request, tell)
        _lower(request)
        if IS_LINUX:
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # only now: a change of user resets it
            if os.getppid() != keeper:
                os._exit(1)
        os.chdir(request["folder"])
        code = NOT_RUNNABLE
        os.execve(command[0], command, environment)  # noqa: S606 - that is what it is for
    except FileNotFoundError as error:
        code = NOT_FOUND if code == NOT_RUNNABLE else code
        _complain(error)
    except BaseException as error:
        _complain(error)
    finally:
        os._exit(code)


def _command(request: dict[str, Any], tell: int) -> tuple[list[str], dict[str, str]]:
    """What to execute. Bubblewrap gets its arguments, which hold the program's variables, through a descriptor, and
    none of the variables itself: they would be obeyed by its loader outside the walls."""
    if not request["bubblewrap"]:
        return request["program"], request["environment"]
    arguments = os.memfd_create("arguments", 0)
    os.write(arguments, b"".join(os.fsencode(one) + b"\0" for one in request["arguments"]))
    os.lseek(arguments, 0, os.SEEK_SET)
    os.set_inheritable(tell, True)
    prefix = [request["bubblewrap"], "--args", str(arguments), "--info-fd", str(tell), "--"]
    return [*prefix, *request["program"]], {"PATH": "/usr/bin:/bin"}


def _lower(request: dict[str, Any]) -> None:
    """Resources, identity, rights: in this order, as each step takes away what the one before it needs."""
    user = request["user"]
    if user is not None:
        mounts.open_way(request["paths"], user)
    with suppress(OSError):
        _write_in_place("/proc/self/oom_score_adj", "500")  # user code goes before the studio when memory runs out
    for name, value in request["limits"]:
        _limit(getattr(resource, f"RLIMIT_{name}", None), value)
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    elif request["drop_capabilities"]:
        _drop_capabilities()
    if request["no_new_privileges"]:
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
    if request["landlock"]:
        landlock.restrict(request["landlock"])
    if request["refuse_connections"]:
        seccomp.refuse_connections()


def _limit(kind: int | None, value: int) -> None:
    if kind is None:
        return
    hard = resource.getrlimit(kind)[1]
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (most, most))


def _drop_capabilities() -> None:
    """What the next program cannot get, it has not."""
    number = 0
    while _libc().prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0:
        _libc().prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
        number += 1


def _number_told(info: int) -> int | None:
    """The program's process number from what bubblewrap tells, in pieces; None when it gave up before."""
    told = b""
    while piece := os.read(info, 4096):
        told += piece
    try:
        return int(json.loads(told)["child-pid"])
    except (ValueError, KeyError):
        return None


def _end_orphans() -> None:
    """Kill what the program has left behind, in whatever session it hides, until there is nothing."""
    while True:
        try:
            found, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not found:
            for orphan in _children():
                with suppress(OSError):
                    os.kill(orphan, signal.SIGKILL)
            time.sleep(ROUND_SECONDS)


def _children() -> list[int]:
    """Found in the whole list of processes: a list of children is not in every kernel."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
            if int(file.read().rpartition(b")")[2].split()[1]) == os.getpid():
                found.append(int(name))
    return found


def _rotate(log: str, most: int = LOG_BYTES) -> None:
    """Move the log to a second file once it is large, and go on in the emptied one: whoever has it open appends."""
    if os.stat(log).st_size <= most:
        return
    with open(log, "rb") as full, open(f"{log}.1", "wb") as before:
        while piece := full.read(PIECE_BYTES):
            before.write(piece)
    os.truncate(log, 0)


def _write(path: str, text: str) -> None:
    """Whole or not at all."""
    _write_in_place(f"{path}.new", text)
    os.replace(f"{path}.new", path)


def _write_in_place(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _complain(error: BaseException) -> None:
    with suppress(OSError):
        os.write(2, f"the program cannot be started behind its walls: {error!r}\n".encode())


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    if _libc().prctl(option, value, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


if __name__ == "__main__":
    sys.exit(main())
