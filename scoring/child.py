"""A worker process as its master sees it: start it, hear its report, look after it, end it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from scoring.contract import Failure
from scoring.limits import thread_variables
from scoring.settings import Replica
from scoring.shared import Orders

# The package's parent is put first for the import, and forgotten by the worker before the script is loaded.
BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); from scoring.worker import main; main()"
PACKAGE_PARENT = str(Path(__file__).resolve().parent.parent)


class Child:
    """One worker. A fresh interpreter rather than a fork: threads and locks of the master stay the master's."""

    def __init__(self, replica: Replica, slot: int, listener: int, lifeline: int, threads: int) -> None:
        self.slot = slot
        self.spawned = time.monotonic()
        self.heard: bytes | None = None  # its report, once it is whole
        self.ready_at: float | None = None  # monotonic seconds
        self.failure: Failure | None = None  # why it could not load
        self.over_memory = False
        self._buffer = b""
        self.report, writing = os.pipe()
        orders = Orders(
            run=str(replica.folder / "run.json"),
            slot=slot,
            listener=listener,
            report=writing,
            lifeline=lifeline,
            cores=replica.cores,
            threads=threads,
        )
        environment = dict(os.environ)
        environment |= thread_variables(environment, 1)
        _leave_out(environment, PACKAGE_PARENT)
        self.process = subprocess.Popen(
            [sys.executable, "-c", BOOT, PACKAGE_PARENT, msgspec.json.encode(orders).decode()],
            stdin=subprocess.DEVNULL,
            pass_fds=(listener, writing, lifeline),
            env=environment,
        )
        os.close(writing)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def ready(self) -> bool:
        """Whether it has loaded."""
        return self.ready_at is not None

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.spawned

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
        if self.process.poll() is None:
            self.process.send_signal(number)

    def ending(self) -> str:
        """How it ended, in words."""
        code = self.process.returncode
        if code is None:
            return "is running"
        if code >= 0:
            return f"ended with exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = ", perhaps by the system because memory ran out" if name == "SIGKILL" else ""
        return f"was ended by {name}{hint}"


def _leave_out(environment: dict[str, str], folder: str) -> None:
    """Take a folder out of PYTHONPATH."""
    parts = [part for part in environment.get("PYTHONPATH", "").split(os.pathsep) if part]
    kept = [part for part in parts if os.path.realpath(part) != folder]
    if kept:
        environment["PYTHONPATH"] = os.pathsep.join(kept)
    else:
        environment.pop("PYTHONPATH", None)
