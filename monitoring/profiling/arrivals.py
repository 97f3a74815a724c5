"""When requests are sent: closed loops, and open ones with constant or Poisson arrivals.

An open loop never skips a turn and never waits for an answer: latency counts from the intended moment, and there are as
many connections as it takes. Otherwise the requests that meet a pause of the service are those that are not sent, and
its p99 is that of a service without pauses (coordinated omission).
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator

from monitoring.profiling.connection import Connection
from monitoring.profiling.counting import Window
from monitoring.profiling.messages import Plan
from monitoring.profiling.pace import Alarm
from monitoring.profiling.wire import Wire

RECONNECT_SECONDS = 0.05  # a closed loop's pause after a connection that failed
PROBE_NS = 10_000_000  # of a closed loop's own lag
BURST = 64  # turns taken before answers are read again


def turns_of(plan: Plan, count: int) -> Iterator[int]:
    """Which of `count` requests comes next, for ever, in the plan's order."""
    if plan.order == "random":
        chance = random.Random(plan.seed)  # noqa: S311 - a load is no secret
        while True:
            yield chance.randrange(count)
    while True:
        yield from range(count)


class ClosedLoop:
    """So many connections, shared out among the replicas, each asking again as soon as it has its answer."""

    def __init__(self, plan: Plan, wires: list[Wire], turns: Iterator[int], window: Callable[[int], Window]) -> None:
        self._plan, self._wires, self._next, self._window = plan, wires, turns, window
        for wire in wires:
            wire.window_at = window
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        self._due = time.monotonic_ns() + PROBE_NS
        self._alarm = Alarm(asyncio.get_running_loop(), self._probe)

    def start(self) -> None:
        """Connect and ask."""
        self._alarm.set(self._due)
        for number in range(self._plan.connections or 1):
            self._connect(self._wires[number % len(self._wires)])

    def stop(self) -> None:
        """Ask no more."""
        self._stopped = True
        self._alarm.close()
        for task in self._tasks:
            task.cancel()

    def _connect(self, wire: Wire) -> None:
        task = asyncio.ensure_future(self._connected(wire))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connected(self, wire: Wire) -> None:
        def ask(connection: Connection) -> None:
            self._ask(wire, connection)

        while not self._stopped:
            try:
                ask(await wire.connect(ask))
                return
            except OSError as problem:
                self._window(time.monotonic_ns()).fail(*_named(problem))
                await asyncio.sleep(RECONNECT_SECONDS)

    def _ask(self, wire: Wire, connection: Connection) -> None:
        if self._stopped:
            connection.close()
        elif connection.usable:
            now = time.monotonic_ns()
            connection.send(wire.requests[next(self._next)], self._window(now), now)
        else:
            wire.open.discard(connection)
            self._connect(wire)

    def _probe(self) -> None:
        """How late this loop is at what it wants to do: what it would add to latencies."""
        now = time.monotonic_ns()
        self._window(now).fresh_lag.append(max(now - self._due, 0))
        self._due = now + PROBE_NS
        self._alarm.set(self._due)


class OpenLoop:
    """So many requests a second, whatever the answers; of several replicas the least busy gets the next, as from the
    front of a service.
    """

    def __init__(self, plan: Plan, wires: list[Wire], turns: Iterator[int], window: Callable[[int], Window]) -> None:
        self._plan, self._wires, self._next, self._window = plan, wires, turns, window
        self._gap = 1e9 / (plan.rate or 1.0)
        self._chance = random.Random(plan.seed) if plan.arrivals == "poisson" else None  # noqa: S311
        self._last = 0  # the replica that got the last request: among equals the one after it is next
        self._connecting = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        self._due = float(time.monotonic_ns())
        self._alarm = Alarm(asyncio.get_running_loop(), self._take_turns)

    def start(self) -> None:
        """The first turn is one gap from now."""
        self._due = time.monotonic_ns() + self._step()
        self._alarm.set(int(self._due))

    def stop(self) -> None:
        """Take no further turn."""
        self._stopped = True
        self._alarm.close()
        for task in self._tasks:
            task.cancel()

    def _step(self) -> float:
        return self._gap * self._chance.expovariate(1.0) if self._chance else self._gap

    def _take_turns(self) -> None:
        for _ in range(BURST):
            now = time.monotonic_ns()
            if self._stopped:
                return
            if self._due > now:
                break
            self._take_turn(int(self._due), now)
            self._due += self._step()
        self._alarm.set(int(self._due))  # rings at once if turns are left

    def _take_turn(self, intended: int, now: int) -> None:
        window, wire = self._window(intended), self._least_busy()
        content = wire.requests[next(self._next)]
        window.fresh_lag.append(now - intended)
        window.sent += 1
        if connection := wire.take_idle():
            window.pending += 1
            wire.busy += 1
            connection.send(content, window, intended)
            return
        if sum(len(one.open) for one in self._wires) + self._connecting >= self._plan.most_connections:
            window.fail("connections")
            return
        window.pending += 1
        wire.busy += 1
        self._connecting += 1
        task = asyncio.ensure_future(self._connected(wire, content, window, intended))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _least_busy(self) -> Wire:
        wires = self._wires
        if len(wires) == 1:
            return wires[0]
        after = self._last + 1
        self._last = min((number % len(wires) for number in range(after, after + len(wires))), key=self._busy)
        return wires[self._last]

    def _busy(self, number: int) -> int:
        return self._wires[number].busy

    async def _connected(self, wire: Wire, content: bytes, window: Window, intended: int) -> None:
        try:
            connection = await wire.connect(wire.settled)
        except OSError as problem:
            wire.busy -= 1
            window.pending -= 1
            window.fail(*_named(problem))
        else:
            connection.send(content, window, intended)
        finally:
            self._connecting -= 1


def _named(problem: OSError) -> tuple[str, str]:
    if isinstance(problem, TimeoutError):
        return "timeout", "no connection within the timeout"
    return "connect", str(problem)
