"""The service's address as the master of a replica sees it that takes turns at it with others.

The contract is in scoring/contract.py: the replica answers at an endpoint of its own, and at the address while the file
`serving` exists.
"""

import selectors
import socket
import time
from pathlib import Path

from scoring.contract import SERVING_FILE
from scoring.core.settings import Replica
from scoring.counters.telemetry import ADDRESS_CONNECTIONS, NOT_SERVING, CounterFile
from scoring.process.handover import Handover
from scoring.process.listener import listen_at_any_port, listen_or_take, reserve

CHECK_SECONDS = 1.0
DRAIN_CHECK_SECONDS = 0.1


class Address:
    """Both listening sockets, and whether the replica is to serve at the address."""

    def __init__(self, replica: Replica) -> None:
        """Open them; StartFailure(port_taken) names who holds the address."""
        run = replica.run
        self._file = replica.control / SERVING_FILE
        self.private = listen_at_any_port()
        self.listener, taken = listen_or_take(run)
        # Another replica may listen on the gRPC port, but only one that has handed over the address.
        self._reserved = None if run.grpc_port is None else reserve(run, run.grpc_port, shared=taken)
        self.handover = Handover(Path(run.handover), self.listener) if run.handover else None
        self.wanted = self._file.exists()
        self._watched: socket.socket | None = None
        self._next_check = 0.0
        self.check_file()

    @property
    def endpoints(self) -> dict[str, str]:
        """Where the replica answers by itself."""
        return {"http": f"http://127.0.0.1:{self.private.getsockname()[1]}"}

    def check_file(self, *, now: bool = False) -> bool:
        """Check for the file, once a second or `now`; True when it has appeared or gone since the last check."""
        moment = time.monotonic()
        if not now and moment < self._next_check:
            return False
        self._next_check = moment + CHECK_SECONDS
        if self.handover is not None:
            self.handover.offer()
        before, self.wanted = self.wanted, self._file.exists()
        return before != self.wanted

    def watch_handover(self, selector: selectors.BaseSelector) -> None:
        """Let the selector watch for replicas that ask for the socket of the address, as long as this one answers."""
        server = self.handover.server if self.handover else None
        if server is self._watched:
            return
        if self._watched is not None:
            selector.unregister(self._watched)
        if server is not None:
            selector.register(server, selectors.EVENT_READ, self.handover)
        self._watched = server

    def close(self) -> None:
        """Leave the address to others."""
        if self.handover is not None:
            self.handover.close()
        self.listener.close()
        self.private.close()


def connections_at_address(counters: CounterFile) -> tuple[bool, int]:
    """Whether any worker accepts connections at the address, and how many are open there."""
    cells = [counters.region(slot + 1)[ADDRESS_CONNECTIONS] for slot in range(counters.workers)]
    return any(cell < NOT_SERVING for cell in cells), sum(cell % NOT_SERVING for cell in cells)
