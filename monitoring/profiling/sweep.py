"""Measuring every configuration with the same load, where people want to see all of them."""

from collections.abc import Iterable
from dataclasses import replace

from monitoring.profiling.candidates import configurations
from monitoring.profiling.measure import Goal, Limits, Load, Measure, Measured, Point
from monitoring.profiling.recommending import memory_for
from monitoring.profiling.recorded import OnPoint, OnStart, OutOfTime, Recorder
from monitoring.profiling.result import Recommendation, Result
from monitoring.profiling.search import is_noisy
from monitoring.profiling.verification import SURE, Effort
from monitoring.profiling.words import explain


def sweep(
    goal: Goal,
    limits: Limits,
    measure: Measure,
    *,
    resume: Iterable[Point] = (),
    on_start: OnStart = lambda *_: None,
    on_point: OnPoint = lambda _: None,
) -> Result:
    """Every configuration at the goal's rate, fewest cores first, as far as the time goes; what holds with the fewest
    is recommended, without a margin. `search` finds nearly the same in a tenth of the time.
    """
    recorder = Recorder(measure, limits.seconds, resume, on_start, on_point)
    possible = configurations(limits)
    load = Load(rate=goal.rate, seconds=Effort.within(limits.seconds).verify)
    complete = True
    try:
        for configuration in possible:
            recorder(configuration, load, "sweep")
    except OutOfTime:
        complete = False
    least = min((one for one in recorder.points if _holds(one.measured, goal)), key=_cost, default=None)
    found = Result(
        verdict="met" if least else "not met" if complete else "out of time",
        goal=goal,
        limits=limits,
        recommendation=_recommendation(least, recorder.points, goal) if least else None,
        nearest=None,
        limited_by="" if least else "cores" if complete else "time",
        why=(),
        points=tuple(recorder.points),
        tried=recorder.configurations(),
        possible=len(possible),
        seconds=round(recorder.seconds, 1),
        noisy=is_noisy(recorder.points),
    )
    return replace(found, why=explain(found))


def _holds(measured: Measured, goal: Goal) -> bool:
    answers = measured.p99 is not None and 1 - measured.success <= goal.failed
    return answers and (measured.p99 or 0.0) <= SURE * goal.p99


def _cost(point: Point) -> tuple[float, float]:
    return point.configuration.cores, point.measured.p99 or 0.0


def _recommendation(least: Point, points: list[Point], goal: Goal) -> Recommendation:
    return Recommendation(
        configuration=least.configuration,
        smallest=least.configuration,
        cpu=least.configuration.cpu,
        memory_bytes=memory_for(points),
        measured=least.measured,
        holds=goal.rate,
    )


def pareto(points: Iterable[Point]) -> list[Point]:
    """Those that no other one of as few cores answers quicker than, fewest cores first."""
    answered = sorted((one for one in points if one.measured.p99 is not None), key=_cost)
    front: list[Point] = []
    for point in answered:
        if not front or (point.measured.p99 or 0.0) < (front[-1].measured.p99 or 0.0):
            front.append(point)
    return front
