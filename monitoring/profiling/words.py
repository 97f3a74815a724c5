"""Why a search recommends what it does, as sentences with numbers."""

from collections.abc import Iterator

from monitoring.profiling.margins import MIB
from monitoring.profiling.measure import Measured
from monitoring.profiling.result import Recommendation, Result

SAME = 0.03  # a smaller difference of two short loops is none
TEXT = {
    "one request": "even one request alone takes longer",
    "cores": "there are not enough cores within the limit",
    "replicas": "no number of replicas within the limits is enough",
    "memory": "a replica needs more memory than the limit",
    "errors": "requests were answered with errors",
    "time": "the time that it may take ended before one was found that holds",
}


def explain(result: Result, problem: str = "") -> tuple[str, ...]:
    """The sentences, the conclusion first."""
    return tuple(_sentences(result, problem))


def _sentences(result: Result, problem: str) -> Iterator[str]:
    goal = f"p99 within {milliseconds(result.goal.p99)} at {rate(result.goal.rate)}"
    if result.recommendation:
        yield from _recommended(result.recommendation, result, goal)
    elif problem:
        yield f"Nothing could be measured: {problem}"
    else:
        kind = "was not found" if result.limited_by == "time" else "cannot be met"
        yield f"A way to {goal} {kind}: {TEXT[result.limited_by]}."
        yield from _nearest(result)
    yield from _alone(result)
    yield from _gains(result)
    yield f"{result.tried} of {result.possible} configurations were measured, in {duration(result.seconds)}."
    if any(one.measured.grows for one in result.points):
        yield "Memory grows all the time, so that no limit of it can be recommended: look for a leak."
    if result.noisy:
        reason = next(one.measured.reason for one in reversed(result.points) if one.load.rate and one.measured.reason)
        yield f"Latencies may be worse than they would be alone: {reason}."


def _recommended(found: Recommendation, result: Result, goal: str) -> Iterator[str]:
    memory = f" with {round(found.memory_bytes / MIB):,} MB each" if found.memory_bytes else ""
    spare = f", up to {rate(found.holds)}" if found.holds > result.goal.rate else ""
    yield f"{capital(str(found.configuration))}{memory} hold {goal}{spare}."
    if found.measured.p99 is not None:
        below = f"{1 - found.measured.p99 / result.goal.p99:.0%} below the goal"
        yield f"Measured p99 is {milliseconds(found.measured.p99)} at {rate(result.goal.rate)}, {below}."
    if found.configuration != found.smallest:
        yield f"The least that held is {found.smallest}; the rest is a margin, so that it holds on a slower day."
    if found.half_fails:
        yield "Half of it misses the goal."
    elif found.half_fails is False:
        yield "Half of it held too, without any margin."


def _nearest(result: Result) -> Iterator[str]:
    if not (near := result.nearest):
        return
    if near.p99 is not None:
        best = f"{near.configuration}, with a p99 of {milliseconds(near.p99)}"
        yield f"The best seen at {rate(result.goal.rate)} is {best}."
    if near.rate > 0:
        yield f"p99 within {milliseconds(result.goal.p99)} can be had up to about {rate(near.rate)}."


def _alone(result: Result) -> Iterator[str]:
    probes = [one for one in result.points if one.purpose == "service time" and one.load.connections == 1]
    if not probes:
        return
    measured, threads = probes[0].measured, probes[0].configuration.threads
    if measured.p50 is not None and measured.p99 is not None:
        took = f"{milliseconds(measured.p50)} (p99 {milliseconds(measured.p99)})"
        yield f"One request alone takes {took} with {cores(threads)}."


def _gains(result: Result) -> Iterator[str]:
    probes = {
        (one.configuration.threads, one.configuration.batch_rows): one.measured
        for one in result.points
        if one.purpose == "service time" and one.load.connections != 1
    }
    if not probes:
        return
    threads, rows = min(probes)
    base = probes[threads, rows]
    others = sorted(count for count, size in probes if size == rows and count > threads)
    if others and (gain := _gain(probes[others[0], rows], base)) is not None:
        yield f"{capital(cores(others[0]))} instead of {threads} answer {_change(gain)} requests."
    sizes = sorted(size for count, size in probes if count == threads and size > rows)
    if sizes and (gain := _gain(probes[threads, sizes[-1]], base)) is not None:
        yield f"Batches of {sizes[-1]} rows answer {_change(gain)}."
    scaled = [one for one in result.points if one.purpose == "scaling"]
    if scaled and base.throughput:
        many = scaled[-1]
        times = many.measured.throughput / base.throughput
        yield f"{many.configuration.replicas} replicas do {times:.1f} times the work of one."


def _gain(measured: Measured, base: Measured) -> float | None:
    return measured.throughput / base.throughput - 1 if base.throughput and measured.throughput else None


def _change(gain: float) -> str:
    """`8% fewer`."""
    return "about as many" if abs(gain) < SAME else f"{abs(gain):.0%} {'more' if gain > 0 else 'fewer'}"


def milliseconds(value: float) -> str:
    """`7.9 ms`."""
    return f"{value:.3g} ms" if value < 1000 else f"{value / 1000:.3g} s"


def rate(value: float) -> str:
    """`500 requests/s`."""
    return f"{value:,.0f} requests/s" if value >= 10 else f"{value:.2g} requests/s"


def cores(count: int) -> str:
    """`2 cores`."""
    return f"{count} core" + ("" if count == 1 else "s")


def duration(seconds: float) -> str:
    """`6 min 12 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def capital(text: str) -> str:
    """With a capital letter."""
    return text[:1].upper() + text[1:]
