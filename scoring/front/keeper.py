"""The keeper: holds the listening sockets, keeps a front process running on them, and hands over to the next one.

Nothing that waits in the sockets' queues is lost when a front process ends, dies or is replaced, since the sockets stay
open. They outlive the keeper as well: another keeper with the same folder takes duplicates over a unix socket there.
"""

import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from types import FrameType
from typing import Any

import msgspec
import psutil

from scoring.core.log import log
from scoring.front.process import HANDOVERS, LISTEN, LONGEST_DRAIN, READY
from scoring.front.settings import read_settings
from scoring.process.handover import Handover, take
from scoring.process.listener import listening
from scoring.process.signals import Signals

START_SECONDS = 30.0  # for a front process to get ready
STABLE_SECONDS = 5.0  # a front process that lived as long is started again at once
MOST_PAUSE = 5.0
STOP_SECONDS = 15.0
STATE = "front.json"


class Running(msgspec.Struct):
    """front.json: the keeper and its front process, with when they were created, for the keeper after it."""

    keeper: int
    keeper_created: float
    front: int = 0
    front_created: float = 0.0


class Keeper:
    """`run` returns when the front has ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._settings = read_settings(path)
        self._folder = Path(self._settings.folder)
        self._signals = Signals()
        self._sockets: list[socket.socket] = []
        self._front: subprocess.Popen[bytes] | None = None
        self._draining: list[subprocess.Popen[bytes]] = []
        self._pause = 0.0
        self._replaced = False  # another keeper serves

    def run(self) -> int:
        """Serve until SIGTERM, or until another keeper has taken over."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = self._read_state()
        self._signals.listen()
        self._signals.handle_hangup()
        signal.signal(signal.SIGUSR1, self._be_replaced)
        self._bind()
        handovers = [Handover(self._folder / name, one) for name, one in zip(HANDOVERS, self._sockets, strict=False)]
        if not self._start():
            return 1
        _end(before)
        while not self._signals.stop:
            for handover in handovers:
                handover.offer()
            asked: list[Any] = [one.server for one in handovers if one.server is not None]
            select.select([self._signals.fileno(), *asked], [], [], 1.0)
            self._signals.clear()
            for handover in handovers:
                handover.answer()
            self._check()
        for handover in handovers:
            handover.close()
        self._stop()
        return 0

    def _be_replaced(self, _: int, __: FrameType | None) -> None:
        self._replaced = self._signals.stop = True

    # -- sockets

    def _bind(self) -> None:
        settings = self._settings
        for name, port in zip(HANDOVERS, (settings.port, settings.redirect_port), strict=True):
            if port is not None:
                self._sockets.append(self._listener(self._folder / name, port))

    def _listener(self, handover: Path, port: int) -> socket.socket:
        host = self._settings.host
        found = take(handover, host, port)
        if found is not None:
            log(f"took over the listening socket of port {port} from the front before this one")
            return found
        try:
            return listening(host, port)
        except OSError as error:
            raise SystemExit(f"The front cannot listen on {host}:{port}: {error.strerror}.") from error

    # -- front processes

    def _start(self) -> bool:
        """Start a front process; the one before drains once the new one serves. False where it does not get ready."""
        reading, writing = os.pipe()
        numbers = [one.fileno() for one in self._sockets]
        environment = os.environ | {LISTEN: ",".join(map(str, numbers)), READY: str(writing)}
        process = subprocess.Popen(
            [sys.executable, "-m", "scoring.front.process", str(self._path)],
            env=environment, pass_fds=[*numbers, writing], stdin=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(writing)
        ready = _is_ready(reading, process)
        os.close(reading)
        if not ready:
            log(f"front process {process.pid} did not get ready", "E")
            process.kill()
            process.wait()
            return False
        if self._front is not None:
            self._front.send_signal(signal.SIGTERM)
            self._draining.append(self._front)
        self._front, self._started = process, monotonic()
        self._write_state()
        log(f"front process {process.pid} serves {self._settings.host}:{self._settings.port}")
        return True

    def _check(self) -> None:
        self._draining = [one for one in self._draining if one.poll() is None]
        if self._signals.recheck:
            self._signals.recheck = False
            self._renew()
        if self._front is None or self._front.poll() is not None:
            self._restart()

    def _renew(self) -> None:
        """SIGHUP: fresh settings, a fresh process. What cannot be used changes nothing."""
        try:
            settings = read_settings(self._path)
        except SystemExit as error:
            log(f"{error} The front goes on as it is.", "E")
            return
        if (settings.host, settings.port, settings.redirect_port, settings.folder) != (
            self._settings.host, self._settings.port, self._settings.redirect_port, self._settings.folder,
        ):  # fmt: skip
            log("another address or folder takes effect when the program is started anew", "W")
        self._start()

    def _restart(self) -> None:
        """The front process died: at once where it had lived a while, else after a pause that grows."""
        if self._front is not None:
            log(f"front process {self._front.pid} ended with {self._front.returncode}; another one is started", "E")
            lived = monotonic() - self._started
            self._pause = 0.0 if lived > STABLE_SECONDS else min(max(self._pause * 2, 0.1), MOST_PAUSE)
            self._front = None
        sleep(self._pause)
        self._start()

    def _stop(self) -> None:
        running = [one for one in (self._front, *self._draining) if one is not None and one.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM if self._replaced else signal.SIGINT)
        end = monotonic() + (LONGEST_DRAIN if self._replaced else STOP_SECONDS)
        for process in running:
            try:
                process.wait(max(end - monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # -- the keeper before this one

    def _read_state(self) -> Running | None:
        with suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode((self._folder / STATE).read_bytes(), type=Running)
        return None

    def _write_state(self) -> None:
        state = Running(os.getpid(), psutil.Process().create_time())
        if self._front is not None:
            state.front, state.front_created = self._front.pid, psutil.Process(self._front.pid).create_time()
        scratch = self._folder / f"{STATE}.new"
        scratch.write_bytes(msgspec.json.encode(state))
        os.replace(scratch, self._folder / STATE)


def _is_ready(reading: int, process: subprocess.Popen[bytes]) -> bool:
    end = monotonic() + START_SECONDS
    while monotonic() < end:
        if select.select([reading], [], [], 0.5)[0]:
            return os.read(reading, 16) == b"ready"
        if process.poll() is not None:
            return False
    return False


def _end(before: Running | None) -> None:
    """The front before this one drains: its keeper first, which would start another process."""
    if before is None:
        return
    for number, created, sent in (
        (before.keeper, before.keeper_created, signal.SIGUSR1),
        (before.front, before.front_created, signal.SIGTERM),
    ):
        with suppress(psutil.Error, OSError):
            process = psutil.Process(number)
            if abs(process.create_time() - created) < 1.0 and number != os.getpid():
                process.send_signal(sent)
