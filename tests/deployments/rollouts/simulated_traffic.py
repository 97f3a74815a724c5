"""Seeded traffic of two revisions for rollouts: rates that wander, outages of both, bursts, cold caches."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy

from deployments.rollouts.cells import CELL_SECONDS, Arm, Cell, Histogram
from deployments.rollouts.steps import ENDED, Plan, RolloutState, Step, begin, next_state, percent_of
from scoring.contract import bucket_of

MEDIAN_SECONDS, SIGMA = 0.02, 0.5  # in the model, lognormal
ARM_LEVEL = 0.04  # how much the level of a revision wanders by itself
PAUSE_SECONDS = 0.15
COLD_FACTOR, COLD_REQUESTS = 3.0, 200
PAST_CELLS = 60
MOST_CELLS = 2000


@dataclass(frozen=True)
class World:
    """`rate`: requests per second in the mean. `outages` hit both revisions, 20 % errors for 20 s every five minutes;
    `bursts`: half of the errors come ten at a time. The new revision has `more_errors` and takes `slower` times as
    long, and is three times slower for its first requests if `cold`."""

    rate: float
    errors: float = 0.005
    outages: bool = False
    bursts: bool = False
    cold: bool = False
    more_errors: float = 0.0
    slower: float = 1.0


class Traffic:
    """Cells of a world, for a share that may change from one to the next."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.rng = world, numpy.random.default_rng(seed)
        self.wander = 0.0
        self.outage_left = 0
        self.number = 0
        self.new_requests = 0

    def next_cell(self, share: float) -> Cell:
        """`share` (0 to 1) of the requests go to the new revision."""
        self.number += 1
        self.wander = 0.9 * self.wander + float(self.rng.normal(0, 0.3 * (1 - 0.81) ** 0.5))
        errors = self._error_rate()
        requests = self.rng.poisson(self.world.rate * CELL_SECONDS * numpy.exp(self.wander - 0.045))
        new = int(self.rng.binomial(requests, share))
        has_paused = self.rng.random() < 0.1
        cell = Cell(
            self.number,
            self._arm(new, errors + self.world.more_errors, self.world.slower, has_paused, self._cold(new)),
            self._arm(int(requests) - new, errors, 1.0, has_paused, 0),
        )
        self.new_requests += new
        return cell

    def _error_rate(self) -> float:
        if not self.world.outages:
            return self.world.errors
        self.outage_left -= 1
        if self.outage_left < -1 and self.rng.random() < CELL_SECONDS / 300:
            self.outage_left = 4
        return 0.2 if self.outage_left > 0 else self.world.errors

    def _cold(self, new: int) -> int:
        return min(new, max(0, COLD_REQUESTS - self.new_requests)) if self.world.cold else 0

    def _arm(self, requests: int, errors: float, slower: float, has_paused: bool, cold: int) -> Arm:
        level = slower * float(numpy.exp(self.rng.normal(0, ARM_LEVEL)))
        seconds = self.rng.lognormal(numpy.log(MEDIAN_SECONDS * level), SIGMA, requests)
        seconds[:cold] *= numpy.linspace(COLD_FACTOR, 1, COLD_REQUESTS)[-cold:] if cold else 1
        if has_paused and requests:
            seconds[self.rng.random(requests) < PAUSE_SECONDS / CELL_SECONDS] += PAUSE_SECONDS
        return Arm(requests, self._failed(requests, errors), 0, {"infer": _histogram(seconds)})

    def _failed(self, requests: int, errors: float) -> int:
        if not self.world.bursts:
            return int(self.rng.binomial(requests, min(errors, 1.0)))
        bursts = int(self.rng.poisson(requests * errors / 2 / 10))
        burst_errors = int(self.rng.geometric(0.1, bursts).sum())
        return min(requests, int(self.rng.binomial(requests, errors / 2)) + burst_errors)


def _histogram(seconds: numpy.ndarray) -> Histogram:
    bounds, counts = numpy.unique((seconds * 1e6).astype(int), return_counts=True)
    histogram: Histogram = {}
    for microseconds, count in zip(bounds.tolist(), counts.tolist(), strict=True):
        bucket = bucket_of(microseconds)
        histogram[bucket] = histogram.get(bucket, 0) + count
    return histogram


@dataclass(frozen=True)
class Ended:
    """How a simulated rollout ended, after how many `seconds`, in which step, and why."""

    phase: str
    seconds: int
    step: int
    finding: str


def roll_out(world: World, plan: Plan, seed: int) -> Ended:
    """Until it is done, rolled back or held."""
    traffic = Traffic(world, seed)
    state = begin(plan, [traffic.next_cell(0) for _ in range(PAST_CELLS)], PAST_CELLS)
    while state.phase not in {*ENDED, "held"} and state.cell < MOST_CELLS:
        state = next_state(plan, state, [traffic.next_cell(percent_of(plan, state) / 100)])
    return Ended(state.phase, (state.cell - PAST_CELLS) * CELL_SECONDS, state.step, str(state.finding or ""))


def steps(bake_seconds: float, *percents: float) -> tuple[Step, ...]:
    return tuple(Step(percent, bake_seconds) for percent in percents)


def states(world: World, plan: Plan, seed: int) -> Iterator[RolloutState]:
    """Every state of a rollout, from its start."""
    traffic = Traffic(world, seed)
    state = begin(plan, [traffic.next_cell(0) for _ in range(PAST_CELLS)], PAST_CELLS)
    while state.phase not in ENDED and state.cell < MOST_CELLS:
        yield state
        state = next_state(plan, state, [traffic.next_cell(percent_of(plan, state) / 100)])
    yield state
