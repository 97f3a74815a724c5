"""A simulated service behind a front, scaled by deployments.control.scaling: each request by itself, seeded."""

import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy

from deployments.control.scaling import Limits, Observation, ScalingState, replicas

SECONDS = 900
MEAN_SECONDS, SIGMA = 0.2, 0.5  # of a request, lognormal
WAIT_SECONDS = 0.5
FIRST_REPLICAS = 2

Load = Callable[[float], float]  # requests per second at a time
LOADS: dict[str, Load] = {
    "constant": lambda _: 20.0,
    "step": lambda at: 10.0 if at < 300 else 40.0,
    "spike": lambda at: 100.0 if 300 <= at < 315 else 10.0,
    "ramp": lambda at: 27.5 + 22.5 * math.sin(at * 2 * math.pi / 300),
    "flapping": lambda at: 40.0 if int(at) // 20 % 2 else 10.0,
}


@dataclass(frozen=True)
class Outcome:
    """`wanted`: replicas, after each second."""

    refused_percent: float
    replica_seconds: float
    changes: int
    wanted: list[int]


class _Service:
    """Replicas of one slot each. A replica that is no longer wanted ends when its request is done."""

    def __init__(self, cold_start: float, rng: numpy.random.Generator) -> None:
        self.cold_start, self.rng = cold_start, rng
        self.ready_at: list[float] = [0.0] * FIRST_REPLICAS  # of all replicas that are wanted
        self.busy: list[tuple[float, float]] = []  # heap: end, seconds that it took
        self.waiting: deque[float] = deque()
        self.ended: list[float] = []
        self.refused = self.arrivals = 0
        self._clock = 0.0

    def scale(self, now: float, wanted: int) -> None:
        self.ready_at += [now + self.cold_start] * (wanted - len(self.ready_at))
        self.ready_at = sorted(self.ready_at)[:wanted]

    def until(self, moment: float) -> None:
        """Finish and begin what finishes and begins before `moment`."""
        while True:
            now = self.busy[0][0] if self.busy else math.inf
            starting = [at for at in self.ready_at if at > self._clock]
            now = min(now, min(starting, default=math.inf))
            if now > moment:
                break
            self._clock = now
            while self.busy and self.busy[0][0] <= now:
                self.ended.append(heapq.heappop(self.busy)[1])
            self._begin(now)
        self._clock = moment
        self._begin(moment)

    def arrive(self, now: float) -> None:
        self.until(now)
        self.arrivals += 1
        self.waiting.append(now)
        self._begin(now)

    def _begin(self, now: float) -> None:
        while self.waiting and now - self.waiting[0] > WAIT_SECONDS:
            self.waiting.popleft()
            self.refused += 1
        ready = sum(at <= now for at in self.ready_at)
        while self.waiting and len(self.busy) < ready:
            self.waiting.popleft()
            seconds = float(self.rng.lognormal(math.log(MEAN_SECONDS) - SIGMA**2 / 2, SIGMA))
            heapq.heappush(self.busy, (now + seconds, seconds))

    def observe(self, now: float, busy: float) -> Observation:
        mean = sum(self.ended) / len(self.ended) if self.ended else None
        figures = Observation(now, 1.0, busy, self.arrivals, mean, len(self.waiting))
        self.ended.clear()
        self.arrivals = 0
        return figures


def simulate(
    load: Load, cold_start: float, limits: Limits, *, lost: tuple[int, int] = (0, 0), seed: int = 1
) -> Outcome:
    """15 minutes under `load`; figures of the seconds in `lost` are lost. Busy ones are sampled 10 times a second."""
    rng = numpy.random.default_rng(seed)
    service, state = _Service(cold_start, rng), ScalingState(wanted=FIRST_REPLICAS)
    asked, paid, changes, wanted = 0, 0.0, 0, []
    for second in range(SECONDS):
        arrivals = sorted(second + rng.random(rng.poisson(load(second))))
        asked += len(arrivals)
        busy = 0
        for tenth in range(10):
            edge = second + (tenth + 1) / 10
            while arrivals and arrivals[0] < edge:
                service.arrive(float(arrivals.pop(0)))
            service.until(edge)
            busy += len(service.busy)
        now = second + 1.0
        paid += state.wanted
        observation = service.observe(now, busy / 10)
        before = state.wanted
        state, _ = replicas(now, state, None if lost[0] <= second < lost[1] else observation, limits)
        changes += state.wanted != before
        service.scale(now, state.wanted)
        wanted.append(state.wanted)
    return Outcome(100 * service.refused / asked, paid, changes, wanted)
