"""Medians of interleaved rounds: whatever slows the machine for a while slows all that is measured alike."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles

Run = Callable[[], object]
ROUNDS, MOST_ROUNDS = 5, 21
QUIET = 0.05  # noise at which no more rounds are needed
ROUND_SECONDS = 0.06  # of one variant in one round
MOST_CALLS = 200
WARM_UP_SECONDS = 0.2


@dataclass(frozen=True)
class Pace:
    """`seconds` for one call; `noise` is how far the middle half of the rounds lies apart, as a share of
    that."""

    seconds: float
    noise: float


def measure(runs: Mapping[str, Run], *, clock: Callable[[], float] = time.perf_counter) -> dict[str, Pace]:
    """The pace of each, with as many calls a round as fit into its time, and one where a single call takes longer. On a
    restless machine there are more rounds."""
    calls = {name: _warm_up(run, clock) for name, run in runs.items()}
    seen: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(MOST_ROUNDS):
        if turn >= ROUNDS and turn % 2 and all(_pace(times).noise <= QUIET for times in seen.values()):
            break
        for name in list(runs)[:: 1 if turn % 2 else -1]:
            seen[name].append(_round(runs[name], calls[name], clock))
    return {name: _pace(times) for name, times in seen.items()}


def _warm_up(run: Run, clock: Callable[[], float]) -> int:
    """Calls a round."""
    begun, count, fastest = clock(), 0, float("inf")
    while count < 3 or (clock() - begun < WARM_UP_SECONDS and count < MOST_CALLS):
        before = clock()
        run()
        now = clock()
        fastest, count = min(fastest, now - before), count + 1
        if now - begun > 10 * WARM_UP_SECONDS:
            break
    return max(1, min(MOST_CALLS, int(ROUND_SECONDS / max(fastest, 1e-7))))


def _round(run: Run, calls: int, clock: Callable[[], float]) -> float:
    """Median of the calls of one round."""
    times = []
    for _ in range(calls):
        before = clock()
        run()
        times.append(clock() - before)
    return median(times)


def _pace(times: list[float]) -> Pace:
    low, middle, high = quantiles(times, n=4, method="inclusive")
    return Pace(middle, (high - low) / middle if middle else 0.0)
