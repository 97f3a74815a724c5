"""One run of a plan: windows follow each other, and become seconds and repeats."""

import asyncio
import gc
import os
import sys
import time
from contextlib import suppress

import msgspec

from monitoring.profiling import noise
from monitoring.profiling.arrivals import ClosedLoop, OpenLoop, turns_of
from monitoring.profiling.bodies import read_bodies
from monitoring.profiling.counting import Seconds, Window
from monitoring.profiling.messages import Message, Noise, Plan, Repeat
from monitoring.profiling.problems import Unusable
from monitoring.profiling.requests import destinations, encoded
from monitoring.profiling.wire import Wire

STOP = b"stop"
DISCARDED = -1  # index of windows that are no repeat


def tell(message: Message) -> None:
    """A line on standard output."""
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


class Run:
    """A warm-up and repeats without a pause between them.

    A closed loop counts an answer in the window in which it comes, an open one a request in the window of its intended
    moment; while the last requests of the last repeat are under way the load goes on, uncounted, so that they meet the
    same load as all others.
    """

    def __init__(self, plan: Plan, *, stopped: bool = False) -> None:
        self._plan = plan
        self._family = noise.family_of(plan.watch)
        self._window = Window(DISCARDED)
        self._open = [self._window]
        self._seconds = Seconds()
        self._readings: dict[int, noise.Reading] = {}
        self._ends: dict[int, noise.Reading] = {}
        self._until = 0
        self._told = 0
        self._done = asyncio.Event()
        if stopped:
            self._done.set()

    async def run(self) -> None:
        """Until all repeats are told, or somebody says stop."""
        bodies, places = read_bodies(self._plan), destinations(self._plan)
        wires = [Wire(self._plan, where, encoded(self._plan, where, bodies)) for where in places]
        for wire in wires:
            await self._try_connecting(wire)
        with suppress(OSError):  # a regular file: it has been read
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._hear)
        gc.freeze()
        gc.disable()  # a collection is a pause of milliseconds; a run makes hardly any cycles
        self._until = time.monotonic_ns() + int(self._plan.warm_up_seconds * 1e9)
        arrivals = (ClosedLoop if self._plan.connections else OpenLoop)(
            self._plan, wires, turns_of(self._plan, len(wires[0].requests)), self._at
        )
        arrivals.start()
        try:
            await self._watch(wires)
        finally:
            arrivals.stop()
            for wire in wires:
                wire.close()

    async def _try_connecting(self, wire: Wire) -> None:
        try:
            connection = await wire.connect(lambda _: None)
        except TimeoutError:
            said = f"no connection within {self._plan.timeout_seconds:g} s"
        except (OSError, UnicodeError) as problem:  # the latter: a host that is no name
            said = getattr(problem, "strerror", None) or str(problem)
        else:
            connection.close()
            return
        raise Unusable("unreachable", f"{wire} cannot be reached: {said}.", "Check that the service runs there.")

    async def _watch(self, wires: list[Wire]) -> None:
        at_once = self._plan.connections or 10
        pause = min(max(self._plan.timeout_seconds / 10, 0.01), 0.25)
        second = time.monotonic() + 1
        while not self._done.is_set():
            try:
                async with asyncio.timeout(pause):
                    await self._done.wait()
            except TimeoutError:
                pass
            for wire in wires:
                wire.end_overdue()
            self._at(time.monotonic_ns())  # windows end without answers too
            if time.monotonic() >= second:
                second += 1
                tell(self._seconds.cut(self._open, measured=self._open[-1].index >= 0))
                self._seconds.refuse_errors_only(self._open, at_once)
            self._tell_ended()

    def _hear(self) -> None:
        line = os.read(sys.stdin.fileno(), 4096)
        if not line:  # whoever gave the plan has no more to say, which is no wish to stop
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        elif STOP in line:
            self._done.set()

    def _at(self, moment: int) -> Window:
        """The window of a moment."""
        window = self._window
        if moment < self._until and not (self._plan.repeat_requests and self._is_full(window)):
            return window
        return self._roll(moment)

    def _is_full(self, window: Window) -> bool:
        counted = window.sent if self._plan.connections is None else window.answered + window.errors.total()
        return window.index >= 0 and counted >= (self._plan.repeat_requests or 0)

    def _roll(self, moment: int) -> Window:
        window = self._window
        if self._until < 0:
            return window  # the last
        reading = noise.read(self._family)
        window.ended_ns = min(moment, self._until)
        if window.index >= 0:
            self._ends[window.index] = reading
        following = window.index + 1  # the warm-up is followed by 0
        self._window = Window(following if following < self._plan.repeats else DISCARDED)
        self._window.began_ns = window.ended_ns
        self._open.append(self._window)
        if self._window.index >= 0:
            self._readings[self._window.index] = reading
            self._until = window.ended_ns + int(self._plan.repeat_seconds * 1e9)
        else:
            self._until = -1
        return self._window

    def _tell_ended(self) -> None:
        for window in [one for one in self._open if one is not self._window]:
            closed_loop = self._plan.connections is not None
            if window.pending and not closed_loop:
                continue
            window.condense()
            self._open.remove(window)
            self._seconds.forget(window)
            if window.index >= 0:
                tell(self._repeat(window))
                self._told += 1
        if self._told >= self._plan.repeats:
            self._done.set()

    def _repeat(self, window: Window) -> Repeat:
        first, last = self._readings.pop(window.index), self._ends.pop(window.index)
        return Repeat(
            number=window.index,
            began=window.began,
            seconds=(window.ended_ns - window.began_ns) / 1e9,
            sent=window.sent if self._plan.connections is None else window.answered + window.errors.total(),
            answered=window.answered,
            statuses={str(status): count for status, count in window.statuses.items()},
            errors=dict(window.errors),
            latency=window.latency(),
            lag=window.lag(),
            cpu=noise.cores_used(first, last, [os.getpid()]),
            watched_cpu=noise.cores_used(first, last, self._family),
            noise=noise.between(first, last) if self._family else Noise(),
            examples=window.examples,
        )
