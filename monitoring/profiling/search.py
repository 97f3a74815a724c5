"""Finding the fewest cores that meet a goal, by measuring few configurations.

Short closed loops show how long runs take by threads and rows, and how replicas slow each other down; a queue formula
predicts every configuration from that. They are tried in order of their cores, then of their prediction, with the load
of the goal, until one holds. Everything is decided from what was measured, in a fixed order: repeated with the points
of an earlier search, it goes on where that ended.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from monitoring.profiling import margins
from monitoring.profiling.candidates import Candidate, Forecast, Options, configurations, spread
from monitoring.profiling.measure import Configuration, Goal, Limits, Load, Measure, Measured, Point, Purpose
from monitoring.profiling.recorded import OnPoint, OnStart, OutOfTime, Recorder
from monitoring.profiling.result import LimitedBy, Nearest, Recommendation, Result, Verdict
from monitoring.profiling.service_curve import Scaling, ServiceCurve, fit_scaling
from monitoring.profiling.words import explain

SURE = 0.9  # of the goal, that one measurement of 30 s must stay below: a new one differs by 6 %
MOST_RUNS = 4  # of a configuration near the goal
LOOKS_BACK = 2
HOPELESS = 1.5  # times the goal, from where a prediction is not tried
ALONE = 1.15  # times the goal: one request alone cannot meet it, whatever the noise
PROBED_THREADS, PROBED_ROWS = 4, 3
BUSY, MOST_CONNECTIONS = 2, 100  # of a replica: for each request that it can work on at once, and in all
BEYOND = (1.41, 2.0, 2.83)  # times the goal's rate, tried to see how much the recommended one holds


@dataclass(frozen=True)
class Effort:
    """Seconds of the two kinds of loads; shorter where the budget is small."""

    probe: float = 3.0
    verify: float = 30.0

    @classmethod
    def within(cls, budget: float) -> "Effort":
        return cls(min(max(budget / 200, 1.0), 3.0), min(max(budget / 20, 5.0), 30.0))


class NoAnswer(Exception):
    """Nothing can be measured at all; the message says why."""


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


def memory_for(points: Iterable[Point]) -> int | None:
    """Bytes that a replica needs, from the highest seen; None where that is not known, or grows."""
    seen = [one.measured for one in points]
    peaks = [one.memory for one in seen if one.memory is not None]
    return margins.memory_limit(max(peaks)) if peaks and not any(one.grows for one in seen) else None


def is_noisy(points: Iterable[Point]) -> bool:
    """Whether latencies under the goal's load are worse than they would be alone. Short closed loops do not count:
    their throughput is what is used.
    """
    return any(one.measured.reason for one in points if one.load.rate is not None)


class Search:
    """One search; `run` may be called once."""

    def __init__(self, goal: Goal, limits: Limits, measure: Recorder) -> None:
        self._goal, self._limits, self._measure = goal, limits, measure
        self._effort = Effort.within(limits.seconds)
        self._possible = configurations(limits)
        self._forecast: Forecast | None = None
        self._alone: dict[int, Measured] = {}
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
            self._forecast = Forecast(self._curves())
            if limit := self._hopeless():
                limited_by = limit
            elif smallest := self._first_that_holds():
                recommendation, verdict = self._recommend(*smallest), "met"
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

    # How long runs take

    def _curves(self) -> dict[Options, ServiceCurve]:
        first, *others = self._limits.options
        threads_tried = spread([one.threads for one in self._possible], PROBED_THREADS)
        for threads in threads_tried:
            alone = Load(connections=1, seconds=self._effort.probe)
            configuration = Configuration(threads=threads, batch_rows=min(self._limits.batch_rows), options=first)
            self._alone[threads] = self._measure(configuration, alone, "service time")
        runs: dict[tuple[int, int], float] = {}
        for rows in spread(self._limits.batch_rows, PROBED_ROWS):
            for threads in threads_tried:
                measured = self._probe(Configuration(threads=threads, batch_rows=rows, options=first), "service time")
                if measured.throughput > 0:
                    runs[threads, rows] = rows / measured.throughput
        if not runs:
            raise NoAnswer(next(iter(self._measure.points)).measured.error or "No request was answered.")
        curve = ServiceCurve(runs, self._scaling(first, runs), self._tails(runs))
        return {first: curve} | {options: self._other(options, curve) for options in others}

    def _tails(self, runs: dict[tuple[int, int], float]) -> dict[int, float]:
        rows = min(self._limits.batch_rows)
        return {
            threads: max(alone.p99 / 1000 / runs[threads, rows], 1.0)
            for threads, alone in self._alone.items()
            if alone.p99 is not None and (threads, rows) in runs
        }

    def _scaling(self, options: Options, runs: dict[tuple[int, int], float]) -> Scaling:
        threads, rows = min(runs)
        most = max((one.replicas for one in self._possible if one.threads == threads), default=1)
        slower: dict[int, float] = {}
        for replicas in sorted({min(2, most), min(8, most)} - {1}):
            configuration = Configuration(replicas=replicas, threads=threads, batch_rows=rows, options=options)
            measured = self._probe(configuration, "scaling")
            if measured.throughput > 0:
                slower[replicas] = replicas * rows / measured.throughput / runs[threads, rows]
        return fit_scaling(slower)

    def _other(self, options: Options, curve: ServiceCurve) -> ServiceCurve:
        """One measurement says how much faster or slower runs are with other options."""
        threads, rows = min(curve.measured)
        measured = self._probe(Configuration(threads=threads, batch_rows=rows, options=options), "service time")
        factor = rows / measured.throughput / curve.measured[threads, rows] if measured.throughput > 0 else math.inf
        return replace(curve, measured={key: seconds * factor for key, seconds in curve.measured.items()})

    def _probe(self, one: Configuration, purpose: Purpose) -> Measured:
        """So many connections that there is always a next batch, and no queue overflows; as many for all sizes of
        batches, which are compared: many connections are cheaper to serve even without.
        """
        rows = max(self._limits.batch_rows)
        connections = one.replicas * min(BUSY * one.threads * rows, MOST_CONNECTIONS)
        return self._measure(one, Load(connections=connections, seconds=self._effort.probe), purpose)

    def _hopeless(self) -> LimitedBy:
        """What a replica alone, with one request at a time, already exceeds."""
        peaks = [one.memory for one in self._alone.values() if one.memory is not None]
        if self._limits.memory is not None and peaks and min(peaks) > self._limits.memory:
            return "memory"
        alone = [one.p99 for one in self._alone.values() if one.p99 is not None]
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
            if not fewer or self._is_late():
                break
            assert self._forecast is not None  # noqa: S101 - made before
            candidate = min(self._forecast.ordered(fewer, self._goal), key=lambda one: one.predicted)
            left = [one for one in left if one != candidate.configuration]
            found = self._try(candidate) or found
        return found

    def _try(self, candidate: Candidate) -> tuple[Configuration, Measured] | None:
        """The candidate if it holds; what it showed corrects what is predicted of others."""
        assert self._forecast is not None  # noqa: S101 - made before
        held, measured = self._verify(candidate.configuration, self._goal.rate)
        p99 = measured.p99 if self._answers(measured) and measured.p99 else math.inf
        self._seen.append((candidate.configuration, self._goal.rate, p99))
        self._forecast = self._forecast.corrected(self._seen)
        return (candidate.configuration, measured) if held else None

    def _next(self, left: list[Configuration]) -> Candidate | None:
        """The first worth a try; when half of the time has gone, the first that is likely to hold."""
        assert self._forecast is not None  # noqa: S101 - made before
        most = SURE if self._is_late() else HOPELESS
        ordered = self._forecast.ordered(left, self._goal)
        return next((one for one in ordered if one.predicted <= most * self._goal.p99), None)

    def _is_late(self) -> bool:
        return self._measure.seconds > self._limits.seconds / 2

    def _verify(
        self, configuration: Configuration, rate: float, purpose: Purpose = "verification"
    ) -> tuple[bool, Measured]:
        """Whether it holds the goal's p99 at a rate, and the last measurement. Near the goal it is measured again."""
        logs: list[float] = []
        while True:
            measured = self._measure(configuration, Load(rate=rate, seconds=self._effort.verify), purpose)
            if not self._answers(measured):
                return False, measured
            logs.append(math.log(measured.p99 or 1e-6))
            mean, runs = math.exp(sum(logs) / len(logs)), len(logs)
            if mean <= self._goal.p99 * SURE ** (1 / math.sqrt(runs)):
                return True, measured
            if mean > self._goal.p99 * SURE ** (-0.5 / math.sqrt(runs)) or runs >= (
                1 if self._is_late() else MOST_RUNS
            ):
                return False, measured

    def _answers(self, measured: Measured) -> bool:
        """Whether as many requests were answered as the goal wants, within the memory that there is."""
        fits = self._limits.memory is None or measured.memory is None or measured.memory <= self._limits.memory
        return fits and measured.p99 is not None and 1 - measured.success <= self._goal.failed

    # How much of it

    def _recommend(self, smallest: Configuration, held: Measured) -> Recommendation:
        chosen, measured, holds = smallest, held, self._goal.rate
        half_fails = None
        try:
            smallest, measured = self._share_of_core(smallest, held)
            chosen = self._with_margin(smallest)
            if chosen != smallest:
                measured = self._measure(chosen, Load(rate=holds, seconds=self._effort.verify), "verification")
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
            holds, measured = self._verify(less, self._goal.rate)
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
        enough, _ = self._verify(smallest, BEYOND[0] * self._goal.rate, "sweep")
        return smallest if enough else replace(smallest, threads=wanted)

    def _most_replicas(self, one: Configuration) -> int:
        most = max(self._limits.replicas)
        return most if self._limits.cores is None else min(most, int(self._limits.cores // one.cpu))

    def _highest_held(self, chosen: Configuration) -> float:
        held = self._goal.rate
        for times in BEYOND:
            load = Load(rate=times * self._goal.rate, seconds=self._effort.verify)
            known = [one.measured for one in self._measure.points if (one.configuration, one.load) == (chosen, load)]
            measured = known[-1] if known else self._measure(chosen, load, "sweep")
            if not self._answers(measured) or (measured.p99 or math.inf) > self._goal.p99:
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
        return not self._verify(half, self._goal.rate, "half")[0]

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
            if one.purpose == "verification" and self._answers(one.measured)
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
