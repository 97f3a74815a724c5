"""A worker process as its master sees it: start it, read its report, tell it what to do, end it."""

import contextlib
import os
import signal
import time

from scoring.contract import Failure
from scoring.core.settings import Replica
from scoring.process.forked import Forked
from scoring.process.ipc import LEAVE, SERVE, WorkerConfig
from scoring.process.worker import run_worker


class Child:
    """One worker, forked: it shares the libraries' memory with its master, and starts without loading them again."""

    def __init__(self, replica: Replica, config: WorkerConfig) -> None:
        """Fork it; the pipes of `config` are made here. OSError when the system has no memory, or no number, for it."""
        self.slot = config.slot
        self.started_at = time.monotonic()
        self.report: bytes | None = None  # what it has reported, once that is whole
        self.ready_at: float | None = None  # monotonic seconds
        self.failure: Failure | None = None  # why it could not load, or had to be ended
        self._kill_reason = ""  # why its master has ended it
        self._buffer = b""
        self._control = -1
        self.report_pipe, config.report = os.pipe()
        try:
            if config.address >= 0:
                config.control, self._control = os.pipe()
            own = {config.report, config.lifeline, config.control, *config.sockets} - {-1}
            self.process = Forked(lambda: run_worker(replica, config), own)
        except OSError:
            os.close(self.report_pipe)
            self._close_control()
            raise
        finally:
            os.close(config.report)
            if config.control >= 0:
                os.close(config.control)
        if self._control >= 0:
            os.set_blocking(self._control, False)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def ready(self) -> bool:
        """Whether it has loaded."""
        return self.ready_at is not None

    @property
    def seconds_ready(self) -> float:
        """Seconds since it had loaded; 0 before."""
        return 0.0 if self.ready_at is None else time.monotonic() - self.ready_at

    def read_report(self) -> bool:
        """Read what it reports; True when nothing more will come."""
        part = os.read(self.report_pipe, 65536)
        self._buffer += part
        if part:
            return False
        os.close(self.report_pipe)
        self.report = self._buffer
        return True

    def serve(self, serves: bool) -> None:
        """Tell it whether to accept connections at the service's address."""
        with contextlib.suppress(OSError):  # it has ended, or hangs and will be ended
            os.write(self._control, SERVE if serves else LEAVE)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        self.process.send_signal(number)

    def reaped(self) -> None:
        """It has ended, and its report has been read."""
        self._close_control()

    def kill(self, why: str = "at the end of the service") -> None:
        """End it, whatever it does; `why` goes on from "was ended"."""
        self._kill_reason = why
        self.send_signal(signal.SIGKILL)
        self.process.wait()

    def describe_exit(self) -> str:
        """How it ended, in words."""
        code = self.process.returncode
        if code is None:
            return "is running"
        if self._kill_reason:
            return f"was ended {self._kill_reason}"
        if code >= 0:
            return f"ended with exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = ", perhaps by the system because memory ran out" if name == "SIGKILL" else ""
        return f"was ended by {name}{hint}"

    def _close_control(self) -> None:
        if self._control >= 0:
            os.close(self._control)
            self._control = -1
