"""Signals that end the master's wait at once: a child has ended, a file has changed, or it is time to stop."""

import contextlib
import signal
import socket
from types import FrameType


class Signals:
    """`stop` turns true with SIGTERM or SIGINT, `recheck` with SIGHUP. Readable, for a selector, after any signal."""

    def __init__(self) -> None:
        self.stop = False
        self.recheck = False
        self._reading, self._writing = socket.socketpair()
        self._reading.setblocking(False)
        self._writing.setblocking(False)

    def fileno(self) -> int:
        return self._reading.fileno()

    def listen(self) -> None:
        """From now on signals arrive here; to be called in the main thread."""
        signal.set_wakeup_fd(self._writing.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _, __: None)  # only the wake-up matters
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def handle_hangup(self) -> None:
        """SIGHUP no longer ends this process, but makes it check whether it should serve."""
        signal.signal(signal.SIGHUP, self._recheck)

    def clear(self) -> None:
        """The signals so far have been seen."""
        with contextlib.suppress(BlockingIOError):
            self._reading.recv(4096)

    def _stop(self, _: int, __: FrameType | None) -> None:
        self.stop = True

    def _recheck(self, _: int, __: FrameType | None) -> None:
        self.recheck = True
