"""One load on one running configuration, as a search wants it: repeats until they are sure, or the time is up."""

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import msgspec

from monitoring.errors import LoadFailed
from monitoring.profiling import intervals
from monitoring.profiling.generator import OnSecond, run_load
from monitoring.profiling.latencies import mean, merged, percentile
from monitoring.profiling.measure import Load, Measured
from monitoring.profiling.messages import Plan, Repeat

SHORT_REPEATS = 3
ONLY_ERRORS = {"only_errors", "unreachable"}


@dataclass(frozen=True)
class Loaded:
    """What a load showed: the figures, and the repeats that they come from."""

    measured: Measured
    repeats: list[Repeat]


def measure_load(plan: Plan, load: Load, *, over: float | None = None, on_second: OnSecond = lambda _: None) -> Loaded:
    """Put `load` on the address of `plan`, which says all else; `over` is the goal's latency in milliseconds.

    A service that answers errors only, or none, is a `Measured` with an `error`. LoadFailed for what is wrong with the
    plan itself, such as its bodies.
    """
    began = time.monotonic()
    wanted = _planned(plan, load)
    enough = intervals.enough if load.until_stable else lambda repeats: len(intervals.quiet(repeats)) >= wanted[1]
    try:
        repeats = run_load(wanted[0], on_second=on_second, keep_going=lambda made: not enough(made))
    except LoadFailed as problem:
        if problem.code not in ONLY_ERRORS:
            raise
        return Loaded(nothing(f"{problem.message} {problem.evidence}".strip(), time.monotonic() - began), [])
    return Loaded(figures(repeats, over=over, seconds=time.monotonic() - began), repeats)


def nothing(error: str, seconds: float) -> Measured:
    """Of a configuration that cannot be measured, and why."""
    return Measured(throughput=0.0, p50=None, p99=None, seconds=seconds, error=error)


def _planned(plan: Plan, load: Load) -> tuple[Plan, int]:
    """The plan with this load, and how many quiet repeats it takes; noisy ones are repeated as often again."""
    if load.until_stable:
        seconds = max(intervals.repeat_seconds(load.rate or 1000.0), load.seconds / intervals.LEAST)
        wanted, most = intervals.LEAST, 2 * intervals.MOST
    else:
        wanted = max(SHORT_REPEATS, int(load.seconds // intervals.REPEAT_SECONDS))
        seconds, most = load.seconds / wanted, 2 * wanted
    changes: dict[str, Any] = {"connections": load.connections, "rate": load.rate, "arrivals": load.arrivals}
    return msgspec.structs.replace(plan, **changes, repeat_seconds=seconds, repeats=most), wanted


def figures(repeats: list[Repeat], *, over: float | None = None, seconds: float = 0.0) -> Measured:
    """The figures of repeats; noisy ones are left out where there are quiet ones."""
    good = intervals.quiet(repeats)
    used = good or repeats
    latency = merged(one.latency for one in used)
    errors = sum((Counter(one.errors) for one in used), Counter[str]())
    sure = intervals.leave_one_out([one.latency for one in used], 0.99)
    late = intervals.share_over(used, over) if over is not None else None
    answered, wall = sum(one.answered for one in used), sum(one.seconds for one in used)
    return Measured(
        throughput=answered / wall if wall else 0.0,
        **{name: percentile(latency, share) for name, share in PERCENTILES.items()},  # type: ignore[arg-type]
        mean=mean(latency),
        answered=answered,
        failed=errors.total(),
        over=late.share if late else None,
        over_high=late.high if late else None,
        half_width=sure.half_width if sure else None,
        stable=intervals.is_stable(used),
        cpu=sum(one.watched_cpu * one.seconds for one in used) / wall if wall else None,
        seconds=seconds,
        reason=_reason(repeats, used),
        errors=dict(errors),
    )


PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}


def _reason(repeats: list[Repeat], used: list[Repeat]) -> str:
    noisy = [one for one in repeats if one.noise.reason]
    if not repeats:
        return "no repeat came to its end"
    if len(noisy) == len(repeats):
        return f"the machine was busy in every repeat: {noisy[-1].noise.reason}"
    if intervals.is_late(used):
        return "the load generator itself was late by more than a tenth of the median latency"
    return ""
