"""A worker process as its master sees it: start it, hear its report, look after it, end it."""

import os
import signal
import time

from scoring.contract import Failure
from scoring.core.settings import Replica
from scoring.process.forked import Forked
from scoring.process.ipc import Orders
from scoring.process.worker import work


class Child:
    """One worker, forked: it shares the libraries' memory with its master, and starts without loading them again."""

    def __init__(self, replica: Replica, slot: int, listener: int, lifeline: int, threads: int) -> None:
        self.slot = slot
        self.spawned = time.monotonic()
        self.heard: bytes | None = None  # its report, once it is whole
        self.ready_at: float | None = None  # monotonic seconds
        self.failure: Failure | None = None  # why it could not load, or had to be ended
        self._killed = ""  # why its master has ended it
        self._buffer = b""
        self.report, writing = os.pipe()
        orders = Orders(
            slot=slot,
            listener=listener,
            report=writing,
            lifeline=lifeline,
            cores=replica.cores,
            threads=threads,
        )
        try:
            self.process = Forked(lambda: work(replica, orders), {listener, writing, lifeline})
        except OSError:
            os.close(self.report)
            raise
        finally:
            os.close(writing)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def ready(self) -> bool:
        """Whether it has loaded."""
        return self.ready_at is not None

    @property
    def served(self) -> float:
        """Seconds since it had loaded; 0 before."""
        return 0.0 if self.ready_at is None else time.monotonic() - self.ready_at

    def listen(self) -> bool:
        """Read what it reports; True when nothing more will come."""
        part = os.read(self.report, 65536)
        self._buffer += part
        if part:
            return False
        os.close(self.report)
        self.heard = self._buffer
        return True

    def tell(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        self.process.send_signal(number)

    def kill(self, why: str = "at the end of the service") -> None:
        """End it, whatever it does; `why` goes on from "was ended"."""
        self._killed = why
        self.tell(signal.SIGKILL)
        self.process.wait()

    def ending(self) -> str:
        """How it ended, in words."""
        code = self.process.returncode
        if code is None:
            return "is running"
        if self._killed:
            return f"was ended {self._killed}"
        if code >= 0:
            return f"ended with exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = ", perhaps by the system because memory ran out" if name == "SIGKILL" else ""
        return f"was ended by {name}{hint}"
