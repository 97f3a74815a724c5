"""Take connections from the listening socket that all processes share, each its fair part.

One shared socket instead of one per process (SO_REUSEPORT): when a process dies, the connections that wait
in the queue go to the others instead of being reset. A process with more open connections than another
pauses briefly before it accepts, so that a burst does not end up with a single process.
"""

import asyncio
import socket
from collections.abc import Callable

from scoring.core.log import log

YIELD_SECONDS = 0.002
OUT_OF_FILES_SECONDS = 0.2


class Acceptor:
    """Accepts one connection at a time. `counts` gives the open connections of all processes."""

    def __init__(
        self,
        listener: socket.socket,
        factory: Callable[[], asyncio.Protocol],
        counts: Callable[[], list[int]],
        slot: int,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._factory = factory
        self._counts = counts
        self._slot = slot
        self._open = False
        self._tasks: set[asyncio.Task[object]] = set()

    def start(self) -> None:
        """Begin to accept."""
        self._open = True
        self._loop.add_reader(self._listener.fileno(), self._readable)

    def leave(self) -> None:
        """Accept nothing more for now: what waits in the queue is for other processes."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._listener.fileno())

    def close(self) -> None:
        """Accept what has already been queued, unless that is for others, then nothing more."""
        if self._open:
            self.leave()
            while self._accept():
                pass
        self._listener.close()

    def _readable(self) -> None:
        counts = self._counts()
        if counts[self._slot] > min(counts):
            self._pause(YIELD_SECONDS)
        else:
            self._accept()

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener.fileno())
        self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        if self._open:
            self._loop.add_reader(self._listener.fileno(), self._readable)
            self._accept()  # after that: it may pause again

    def _accept(self) -> bool:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError, InterruptedError):
            return False
        except OSError as error:  # out of file descriptors: let connections end first
            log(f"no connection can be accepted: {error}", "W")
            if self._open:
                self._pause(OUT_OF_FILES_SECONDS)
            return False
        connection.setblocking(False)
        task = self._loop.create_task(self._loop.connect_accepted_socket(self._factory, connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True
