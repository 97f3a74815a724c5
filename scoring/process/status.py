"""status.json: what the server says about itself, replaced as a whole so that nobody reads half of it."""

import os
import time
from pathlib import Path
from typing import Literal

import msgspec

from scoring.contract import Failure, RunSettings, Status
from scoring.core.log import log

State = Literal["starting", "ready", "failed", "stopping"]


class StatusFile:
    """Writes the status of this process, from the first `move` on."""

    def __init__(self, folder: Path, run: RunSettings) -> None:
        self._path = folder / "status.json"
        self._write_pending = False  # what could not be written yet
        self.status = Status(
            state="starting",
            pid=os.getpid(),
            created=0.0,
            revision=run.revision,
            recipe=run.recipe,
            port=run.port,
            started_at=time.time(),
        )

    def set_state(self, state: State, failure: Failure | None = None) -> None:
        """A new state; `ready` notes when it was reached first."""
        import psutil  # a tenth of the time until the workers are forked, who do not need it

        self.status.created = psutil.Process().create_time()
        self.status.state = state
        self.status.failure = failure
        if state in ("failed", "stopping"):
            self.status.serving, self.status.connections = False, 0
        if state == "ready" and self.status.ready_at is None:
            self.status.ready_at = time.time()
        self._write()

    def count_restart(self) -> None:
        """One more process has been replaced."""
        self.status.restarts += 1
        self._write()

    def at_address(self, *, serving: bool, connections: int) -> None:
        """Whether it serves at the service's address, and how many connections are still open there if not."""
        if (self.status.serving, self.status.connections) != (serving, connections):
            self.status.serving, self.status.connections = serving, connections
            self._write()

    def retry_write(self) -> None:
        """Write what could not be written before; called now and then."""
        if self._write_pending:
            self._write()

    def _write(self) -> None:
        scratch = self._path.with_suffix(".new")
        try:
            scratch.write_bytes(msgspec.json.encode(self.status))
            os.replace(scratch, self._path)
        except OSError as reason:  # a full disk must not end what serves
            if not self._write_pending:
                log(f"status.json cannot be written now: {reason}", "E")
            self._write_pending = True
        else:
            self._write_pending = False
