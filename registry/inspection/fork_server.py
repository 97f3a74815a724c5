"""A program that loads another program of ours once, and runs it in a fork of itself again and again.

`fork_server.py PROGRAM DESCRIPTOR` (of a socket); started by `warm_process.py`, never imported by the studio.
PROGRAM is a file with `preload()` and `main(*arguments)`. Each line of JSON that comes asks for a run:
`{"arguments": [...], "folder": "...", "seconds": 10}`, with two descriptors beside it for standard output and errors.
It is answered by `{"code": 0}` once nothing of the run is left, with null for a run whose time was up.

One run at a time and one thread, so that nothing is forked while another thread holds a lock. A run is a fresh fork
in a session of its own that ends with this process; what it started and left behind is killed after it. Only Linux
knows how, so this runs nowhere else.
"""

import ctypes
import gc
import importlib.util
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

IDLE_SECONDS = 120.0  # without a request for so long, the memory is given back: the next run starts another server
LINE_BYTES = 256 * 1024
THREADED = 3  # exit status: the program's libraries have started threads, and a fork would not be safe
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_libc = ctypes.CDLL(None, use_errno=True)


def main(program: str, descriptor: str) -> int:
    """Serve until the other end of the socket is closed, or nothing was asked for a while."""
    studio = socket.socket(fileno=int(descriptor))
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what a run leaves behind becomes ours to end
    module = _load(program)
    module.preload()
    if len(os.listdir("/proc/self/task")) > 1:
        return THREADED
    gc.collect()
    gc.freeze()  # forks share what is loaded for as long as nobody writes to it
    ended = _wakeup_on_child_exit()
    _answer(studio, {"ready": True})
    while request := _next_request(studio):
        _answer(studio, {"code": _run(module, request, studio, ended)})
    return 0


def _load(program: str) -> ModuleType:
    loader = SourceFileLoader("program", program)
    specification = importlib.util.spec_from_loader("program", loader)
    assert specification is not None  # noqa: S101 - a loader was given
    module = importlib.util.module_from_spec(specification)
    loader.exec_module(module)
    return module


def _wakeup_on_child_exit() -> int:
    """A descriptor that becomes readable whenever a child ends."""
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading


def _next_request(studio: socket.socket) -> dict[str, Any] | None:
    """The next run, with its descriptors; None when there is nothing more to do."""
    if not select.select([studio], [], [], IDLE_SECONDS)[0]:
        return None
    line = b""
    descriptors: list[int] = []
    while not line.endswith(b"\n"):
        piece, received, _, _ = socket.recv_fds(studio, LINE_BYTES, 2)
        if not piece:
            return None
        line, descriptors = line + piece, descriptors + received
    request: dict[str, Any] = json.loads(line)
    return request | {"descriptors": descriptors}


def _answer(studio: socket.socket, answer: dict[str, Any]) -> None:
    studio.sendall(json.dumps(answer).encode() + b"\n")


def _run(module: ModuleType, request: dict[str, Any], studio: socket.socket, ended: int) -> int | None:
    """One run, from the fork to the end of all that it started; its exit status, negative for a signal."""
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become_run(module, request, server)
    for descriptor in request["descriptors"]:
        os.close(descriptor)
    in_time = _wait(pid, time.monotonic() + request["seconds"], studio, ended)
    for kill in (os.killpg, os.kill):  # the second for a run that had no time to lead a group
        with suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    _end_orphans(ended)
    return os.waitstatus_to_exitcode(status) if in_time else None


def _wait(pid: int, until: float, studio: socket.socket, ended: int) -> bool:
    """Whether the run ends in time. It stays a zombie, so that its number is still its own."""
    while not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        left = until - time.monotonic()
        if left <= 0:
            return False
        ready, _, _ = select.select([studio.fileno(), ended], [], [], left)
        if studio.fileno() in ready:  # the worker ended: so do we, and the kernel ends the run with us
            sys.exit(0)
        _drain_wakeups(ended)
    return True


def _drain_wakeups(ended: int) -> None:
    with suppress(BlockingIOError):
        os.read(ended, 4096)


def _end_orphans(ended: int) -> None:
    """Kill what the run has left behind, in whatever session it hides, until there is nothing."""
    while True:
        try:
            found, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not found:
            for orphan in _children():
                with suppress(ProcessLookupError):
                    os.kill(orphan, signal.SIGKILL)
            select.select([ended], [], [], 0.05)
            _drain_wakeups(ended)


def _children() -> list[int]:
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with suppress(OSError):  # ended meanwhile
            stat = Path("/proc", name, "stat").read_bytes()
            if int(stat.rpartition(b")")[2].split()[1]) == os.getpid():
                found.append(int(name))
    return found


def _become_run(module: ModuleType, request: dict[str, Any], server: int) -> NoReturn:
    """In the fork: let go of what is the server's, and be the program."""
    code = 1
    try:
        _prepare_run(request, server)
        code = int(module.main(*request["arguments"]) or 0)
    except SystemExit as reason:
        code = reason.code if isinstance(reason.code, int) else int(reason.code is not None)
    except BaseException:  # a fork must never return into the server's loop
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _prepare_run(request: dict[str, Any], server: int) -> None:
    os.setsid()
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != server:  # it ended before that
        os._exit(1)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    output, errors = request["descriptors"]
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # the server's socket above all, whose number is that of the worker's
    folder = request["folder"]
    os.environ |= {"HOME": folder, "TMPDIR": folder}
    os.chdir(folder)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
