"""Finding the fewest cores that meet a goal, by measuring few configurations.

Short closed loops show how long runs take by threads and rows, and how replicas slow each other down; a queue formula
predicts every configuration from that. They are tried in order of their cores, then of their prediction, with the load
of the goal, until one holds. Everything is decided from what was measured, in a fixed order: repeated with the points
of an earlier search, it goes on where that ended.
"""

import math
from collections.abc import Iterable
from dataclasses import replace

from monitoring.profiling.candidates import Candidate, Forecast, configurations
from monitoring.profiling.measure import Configuration, Goal, Limits, Measure, Measured, Point
from monitoring.profiling.probes import NoAnswer, Probes
from monitoring.profiling.recommending import Recommender
from monitoring.profiling.recorded import OnPoint, OnStart, OutOfTime, Recorder
from monitoring.profiling.result import LimitedBy, Nearest, Result, Verdict
from monitoring.profiling.verification import SURE, Verifier
from monitoring.profiling.words import explain

LOOKS_BACK = 2
HOPELESS = 1.5  # times the goal, from where a prediction is not tried
ALONE = 1.15  # times the goal: one request alone cannot meet it, whatever the noise


def search(
    goal: Goal,
    limits: Limits,
    measure: Measure,
    *,
    resume: Iterable[Point] = (),
    on_start: OnStart = lambda *_: None,
    on_point: OnPoint = lambda _: None,
) -> Result:
    """The recommendation for a goal, or what can be had instead. `on_point`: to keep each point as it comes."""
    return Search(goal, limits, Recorder(measure, limits.seconds, resume, on_start, on_point)).run()


def is_noisy(points: Iterable[Point]) -> bool:
    """Whether latencies under the goal's load are worse than they would be alone. Short closed loops do not count:
    their throughput is what is used.
    """
    return any(one.measured.reason for one in points if one.load.rate is not None)


class Search:
    """One search; `run` may be called once."""

    def __init__(self, goal: Goal, limits: Limits, measure: Recorder) -> None:
        self._goal, self._limits, self._measure = goal, limits, measure
        self._possible = configurations(limits)
        self._probes = Probes(limits, self._possible, measure)
        self._verifier = Verifier(goal, limits, measure)
        self._forecast: Forecast | None = None
        self._seen: list[tuple[Configuration, float, float]] = []  # at a rate, with a p99

    def run(self) -> Result:
        """Measure, decide, explain."""
        recommendation = None
        limited_by: LimitedBy = ""
        verdict: Verdict = "not met"
        problem = ""
        try:
            if not self._possible:
                raise NoAnswer("The limits allow no configuration.")
            self._forecast = Forecast(self._probes.curves())
            if limit := self._hopeless():
                limited_by = limit
            elif smallest := self._first_that_holds():
                recommender = Recommender(self._goal, self._limits, self._measure, self._verifier)
                recommendation, verdict = recommender.recommend(*smallest), "met"
            else:
                limited_by = self._limit()
        except OutOfTime:
            limited_by, verdict = "time", "out of time"
        except NoAnswer as told:
            limited_by, verdict, problem = "errors", "no answer", str(told)
        found = Result(
            verdict=verdict,
            goal=self._goal,
            limits=self._limits,
            recommendation=recommendation,
            nearest=None if recommendation else self._nearest(),
            limited_by=limited_by,
            why=(),
            points=tuple(self._measure.points),
            tried=self._measure.configurations(),
            possible=len(self._possible),
            seconds=round(self._measure.seconds, 1),
            noisy=is_noisy(self._measure.points),
        )
        return replace(found, why=explain(found, problem))

    def _hopeless(self) -> LimitedBy:
        """What a replica alone, with one request at a time, already exceeds."""
        peaks = [one.memory for one in self._probes.alone.values() if one.memory is not None]
        if self._limits.memory is not None and peaks and min(peaks) > self._limits.memory:
            return "memory"
        alone = [one.p99 for one in self._probes.alone.values() if one.p99 is not None]
        return "one request" if alone and min(alone) > ALONE * self._goal.p99 else ""

    # Which one holds

    def _first_that_holds(self) -> tuple[Configuration, Measured] | None:
        left, found = self._possible, None
        while found is None and (candidate := self._next(left)):
            left = [one for one in left if one != candidate.configuration]
            found = self._try(candidate)
        return found and self._fewer(found, left)

    def _fewer(
        self, found: tuple[Configuration, Measured], left: list[Configuration]
    ) -> tuple[Configuration, Measured]:
        """Look back at what has fewer cores and was predicted to miss: the first predictions are the worst."""
        for _ in range(LOOKS_BACK):
            fewer = [one for one in left if one.cores < found[0].cores]
            if not fewer or self._verifier.is_late():
                break
            assert self._forecast is not None  # noqa: S101 - made before
            candidate = min(self._forecast.ordered(fewer, self._goal), key=lambda one: one.predicted)
            left = [one for one in left if one != candidate.configuration]
            found = self._try(candidate) or found
        return found

    def _try(self, candidate: Candidate) -> tuple[Configuration, Measured] | None:
        """The candidate if it holds; what it showed corrects what is predicted of others."""
        assert self._forecast is not None  # noqa: S101 - made before
        held, measured = self._verifier.verify(candidate.configuration)
        p99 = measured.p99 if self._verifier.answers(measured) and measured.p99 else math.inf
        self._seen.append((candidate.configuration, self._goal.rate, p99))
        self._forecast = self._forecast.corrected(self._seen)
        return (candidate.configuration, measured) if held else None

    def _next(self, left: list[Configuration]) -> Candidate | None:
        """The first worth a try; when half of the time has gone, the first that is likely to hold."""
        assert self._forecast is not None  # noqa: S101 - made before
        most = SURE if self._verifier.is_late() else HOPELESS
        ordered = self._forecast.ordered(left, self._goal)
        return next((one for one in ordered if one.predicted <= most * self._goal.p99), None)

    # What is there instead

    def _limit(self) -> LimitedBy:
        """What keeps the goal from being met."""
        tried = [one for one in self._measure.points if one.purpose == "verification"]
        memory = self._limits.memory
        if memory is not None and any((one.measured.memory or 0) > memory for one in tried):
            return "memory"
        if tried and all(one.measured.error for one in tried):
            return "errors"
        return "replicas" if self._limits.cores is None else "cores"

    def _nearest(self) -> Nearest | None:
        if self._forecast is None:
            return None
        forecast = self._forecast
        seen = {
            one.configuration: one.measured.p99
            for one in self._measure.points
            if one.purpose == "verification" and self._verifier.answers(one.measured)
        }
        best = min(
            self._possible,
            key=lambda one: (
                seen.get(one) or forecast.p99(one, self._goal.rate),
                -forecast.highest_rate(one, self._goal.p99),
            ),
        )
        rate = max(forecast.highest_rate(one, self._goal.p99) for one in self._possible)
        return Nearest(configuration=best, p99=seen.get(best), rate=rate)
