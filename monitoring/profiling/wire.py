"""The connections of a load to one replica."""

import asyncio
import time
from collections.abc import Callable

from monitoring.profiling.connection import Connection
from monitoring.profiling.counting import Window
from monitoring.profiling.messages import Plan
from monitoring.profiling.requests import Destination


class Wire:
    """Connections to one replica; ends requests that take too long.

    `idle`: those that may be asked next; `busy`: requests under way, those that wait for their connection included.
    """

    def __init__(self, plan: Plan, where: Destination, requests: list[bytes]) -> None:
        self._plan, self._where, self.requests = plan, where, requests
        self.window_at: Callable[[int], Window] | None = None
        self.largest_answer_bytes, self.json = plan.largest_answer_bytes, plan.answer == "json"
        self.open: set[Connection] = set()
        self.idle: list[Connection] = []
        self.busy = 0

    def __str__(self) -> str:
        return str(self._where)

    async def connect(self, settled: Callable[[Connection], None]) -> Connection:
        """A new connection. OSError or TimeoutError if there is none."""
        loop, where = asyncio.get_running_loop(), self._where

        def build() -> Connection:
            return Connection(self, settled)

        async with asyncio.timeout(self._plan.timeout_seconds):
            if where.socket:
                _, connection = await loop.create_unix_connection(build, where.socket)
            else:
                _, connection = await loop.create_connection(build, where.host, where.port, ssl=where.tls)
        self.open.add(connection)
        return connection

    def take_idle(self) -> Connection | None:
        """A connection that can be asked now."""
        while self.idle:
            connection = self.idle.pop()
            if connection.usable:
                return connection
            self.open.discard(connection)
        return None

    def settled(self, connection: Connection) -> None:
        """Of an open loop: the request has ended."""
        self.busy -= 1
        if connection.usable:
            self.idle.append(connection)
        else:
            self.open.discard(connection)

    def end_overdue(self) -> None:
        """Give up requests that take longer than the plan's timeout."""
        limit = time.monotonic_ns() - int(self._plan.timeout_seconds * 1e9)
        for connection in list(self.open):
            if connection.began and connection.began < limit:
                connection.give_up("timeout")
            elif not connection.usable and not connection.began:
                self.open.discard(connection)

    def close(self) -> None:
        """End all connections."""
        for connection in self.open:
            connection.close()
