"""Run one of our own programs like `bounded_process.py`, again and again, without starting it each time.

A fork server (`fork_server.py`) inside the same bounds has the program's libraries loaded and forks for each run.
It belongs to the process that started it and ends with it. Whatever becomes of the server, a run gets its answer: from
another server, or else from the program started by itself.
"""

import atexit
import contextlib
import json
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from registry.inspection.bounded_process import ProcessResult, captured, run_bounded
from registry.inspection.room import Room, end, start
from studio.sandbox.plan import interpreter_folders

log = logging.getLogger(__name__)

SERVER = Path(__file__).with_name("fork_server.py")
START_SECONDS = 60.0  # to load the libraries, on a busy machine
SLACK_SECONDS = 10.0  # the server holds the time of a run; without a word for so much longer, it hangs
PAUSE_SECONDS = 300.0  # a server that could not be started is not tried again for so long


class ServerLost(Exception):
    """The fork server died, hangs or cannot be started."""


class WarmProgram:
    """`run` is `run_bounded(program, …)`, at a hundredth of its price once the first run has been made.

    The program must have `preload()`, which loads what it needs and starts no thread, and `main(*arguments)`.
    One run at a time: each worker process has its own. All runs happen in the same room.
    """

    def __init__(self, program: Path, room: Callable[[], Room]) -> None:
        self.program = program
        self._room = room
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._not_before = 0.0  # monotonic time of the next try to start a server
        self._lock = threading.Lock()

    def run(self, arguments: list[str], *, folder: Path, seconds: float) -> ProcessResult:
        """How a run in `folder` went."""
        with self._lock:
            for _ in range(2 if sys.platform == "linux" else 0):
                with contextlib.suppress(ServerLost):
                    return self._run(arguments, folder, seconds)
            return run_bounded(self.program, arguments, folder=folder, seconds=seconds, room=self._room())

    @property
    def pid(self) -> int | None:
        """The server's process id; None while there is none."""
        return self._process.pid if self._process else None

    def close(self) -> None:
        """End the server, and with it what it runs."""
        process, connection, self._process, self._socket = self._process, self._socket, None, None
        atexit.unregister(self.close)
        if connection:
            connection.close()
        if process:
            end(process)

    def _run(self, arguments: list[str], folder: Path, seconds: float) -> ProcessResult:
        request = {"arguments": arguments, "folder": str(folder), "seconds": seconds}
        try:
            connection = self._socket or self._start()
            with captured() as (output, errors):
                line = json.dumps(request).encode() + b"\n"
                connection.settimeout(START_SECONDS)
                sent = socket.send_fds(connection, [line], [output.fileno(), errors.fileno()])
                connection.sendall(line[sent:])
                return ProcessResult.of(_answer(connection, seconds + SLACK_SECONDS)["code"], output, errors)
        except (OSError, EOFError, ValueError) as reason:
            log.info("the fork server of %s is lost: %s", self.program.name, reason)
            self.close()
            raise ServerLost(str(reason)) from reason
        except BaseException:  # a time limit of the worker's, say: the answer to this run must not reach the next
            self.close()
            raise

    def _start(self) -> socket.socket:
        if time.monotonic() < self._not_before:
            raise EOFError("it could not be started a moment ago")
        self._not_before = time.monotonic() + PAUSE_SECONDS
        self._socket, theirs = socket.socketpair()
        room = self._room()
        reads = (*room.reads, *interpreter_folders(Path(sys.executable)), SERVER, self.program)
        with theirs:
            command = [sys.executable, "-I", "-B", str(SERVER), str(self.program), str(theirs.fileno())]
            self._process = start(command, room.folder, replace(room, reads=reads), kept=[theirs.fileno()])
        atexit.register(self.close)
        try:
            _answer(self._socket, START_SECONDS)
        except (OSError, EOFError):
            log.exception("no fork server for %s; it is started for each run instead", self.program.name)
            raise
        self._not_before = 0.0
        return self._socket


def _answer(connection: socket.socket, seconds: float) -> dict[str, Any]:
    """The server's next line. TimeoutError or EOFError when none comes."""
    until, line = time.monotonic() + seconds, b""
    while not line.endswith(b"\n"):
        connection.settimeout(max(0.001, until - time.monotonic()))
        piece = connection.recv(4096)
        if not piece:
            raise EOFError("the fork server has ended")
        line += piece
    answer: dict[str, Any] = json.loads(line)
    return answer
