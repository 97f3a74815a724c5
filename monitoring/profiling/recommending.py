"""From the least that held to what is recommended: a margin, how much it holds, and whether half of it would do."""

import math
from collections.abc import Iterable
from dataclasses import replace

from monitoring.profiling import margins
from monitoring.profiling.measure import Configuration, Goal, Limits, Measured, Point
from monitoring.profiling.recorded import OutOfTime, Recorder
from monitoring.profiling.result import Recommendation
from monitoring.profiling.verification import Verifier

BEYOND = (1.41, 2.0, 2.83)  # times the goal's rate, tried to see how much the recommended one holds


def memory_for(points: Iterable[Point]) -> int | None:
    """Bytes that a replica needs, from the highest seen; None where that is not known, or grows."""
    seen = [one.measured for one in points]
    peaks = [one.memory for one in seen if one.memory is not None]
    return margins.memory_limit(max(peaks)) if peaks and not any(one.grows for one in seen) else None


class Recommender:
    """Measures what it needs; what there is no more time for is left out."""

    def __init__(self, goal: Goal, limits: Limits, measure: Recorder, verifier: Verifier) -> None:
        self._goal, self._limits, self._measure, self._verifier = goal, limits, measure, verifier

    def recommend(self, smallest: Configuration, held: Measured) -> Recommendation:
        """`held` is what showed that `smallest` holds."""
        chosen, measured, holds = smallest, held, self._goal.rate
        half_fails = None
        try:
            smallest, measured = self._share_of_core(smallest, held)
            chosen = self._with_margin(smallest)
            if chosen != smallest:
                measured = self._measure(chosen, self._verifier.load(), "verification")
            holds = self._highest_held(chosen)
            half_fails = self._half_fails(chosen)
        except OutOfTime:
            pass  # the recommendation stands; what is left out is told as not tried
        return Recommendation(
            configuration=chosen,
            smallest=smallest,
            cpu=chosen.cpu,
            memory_bytes=memory_for(self._measure.points),
            measured=measured,
            holds=holds,
            half_fails=half_fails,
        )

    def _share_of_core(self, smallest: Configuration, held: Measured) -> tuple[Configuration, Measured]:
        """Where one core is more than enough, the smallest share of it that holds. Half a share is not half the speed:
        a quota lets a process run until it is used up, and then stand; so each is measured.
        """
        if (smallest.replicas, smallest.threads) != (1, 1):
            return smallest, held
        for share in sorted(self._limits.shares, reverse=True):
            less = replace(smallest, share=share)
            holds, measured = self._verifier.verify(less)
            if not holds:
                break
            smallest, held = less, measured
        return smallest, held

    def _with_margin(self, smallest: Configuration) -> Configuration:
        """More replicas; of a single one more cores, unless it was seen to hold enough more requests as it is."""
        if smallest.replicas > 1:
            wanted = margins.replicas_with_margin(smallest.replicas)
            return replace(smallest, replicas=max(min(wanted, self._most_replicas(smallest)), smallest.replicas))
        if smallest.share < 1:
            return replace(smallest, share=margins.share_with_margin(smallest.share))
        wanted = margins.replicas_with_margin(smallest.threads)
        cores = self._limits.cores
        if wanted == smallest.threads or (cores is not None and wanted > cores):
            return smallest
        enough, _ = self._verifier.verify(smallest, BEYOND[0], "sweep")
        return smallest if enough else replace(smallest, threads=wanted)

    def _most_replicas(self, one: Configuration) -> int:
        most = max(self._limits.replicas)
        return most if self._limits.cores is None else min(most, int(self._limits.cores // one.cpu))

    def _highest_held(self, chosen: Configuration) -> float:
        held = self._goal.rate
        for times in BEYOND:
            load = self._verifier.load(times)
            known = [one.measured for one in self._measure.points if (one.configuration, one.load) == (chosen, load)]
            measured = known[-1] if known else self._measure(chosen, load, "sweep")
            if not self._verifier.answers(measured) or (measured.p99 or math.inf) > self._goal.p99:
                break
            held = times * self._goal.rate
        return held

    def _half_fails(self, chosen: Configuration) -> bool | None:
        """Whether half the replicas, or half the CPU of a single one, miss the goal; None where half cannot be had."""
        if chosen.replicas > 1:
            half = replace(chosen, replicas=chosen.replicas // 2)
        elif chosen.threads > 1:
            half = replace(chosen, threads=chosen.threads // 2)
        elif self._limits.shares:
            half = replace(chosen, share=chosen.share / 2)
        else:
            return None
        return not self._verifier.verify(half, purpose="half")[0]
