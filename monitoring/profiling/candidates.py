"""All configurations that limits allow, with what is predicted of them."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from monitoring.profiling.measure import Configuration, Goal, Limits
from monitoring.profiling.service_curve import ServiceCurve, highest_rate, predict

Options = tuple[tuple[str, str | float | int | bool], ...]


def configurations(limits: Limits) -> list[Configuration]:
    """Every one within the limits, fewest cores first."""
    found = [
        Configuration(replicas=replicas, threads=threads, batch_rows=rows, concurrency=concurrency, options=options)
        for replicas, threads, rows, concurrency, options in itertools.product(
            limits.replicas, limits.threads, limits.batch_rows, limits.concurrency, limits.options
        )
        if limits.cores is None or replicas * threads <= limits.cores
    ]
    return sorted(found, key=lambda one: one.cores)


@dataclass(frozen=True)
class Candidate:
    """A configuration, and its p99 at the goal's rate in milliseconds as predicted; infinite where it falls behind."""

    configuration: Configuration
    predicted: float


@dataclass(frozen=True)
class Forecast:
    """Curves of runs by further options. `correction`: measured over predicted p99, so far."""

    curves: Mapping[Options, ServiceCurve]
    correction: float = 1.0

    def p99(self, configuration: Configuration, rate: float) -> float:
        """In milliseconds."""
        found = predict(
            self.curves[configuration.options],
            rate=rate,
            replicas=configuration.replicas,
            threads=configuration.threads,
            batch_rows=_rows(configuration),
        )
        return found.p99 * 1000 * self.correction

    def highest_rate(self, configuration: Configuration, p99: float) -> float:
        """Requests a second up to which a p99 in milliseconds should hold."""
        return highest_rate(
            self.curves[configuration.options],
            p99 / 1000 / self.correction,
            replicas=configuration.replicas,
            threads=configuration.threads,
            batch_rows=_rows(configuration),
        )

    def ordered(self, configurations: Iterable[Configuration], goal: Goal) -> list[Candidate]:
        """Fewest cores first, then the smallest p99."""
        found = [Candidate(one, self.p99(one, goal.rate)) for one in configurations]
        return sorted(found, key=lambda one: (one.configuration.cores, one.predicted))


def _rows(configuration: Configuration) -> int:
    """A batch cannot hold more requests than a replica gets at once."""
    return min(configuration.batch_rows, configuration.concurrency or configuration.batch_rows)


def corrected(pairs: Sequence[tuple[float, float]]) -> float:
    """The mean factor, in logarithms, between pairs of measured and predicted."""
    logs = [
        math.log(measured / predicted) for measured, predicted in pairs if 0 < measured < math.inf and predicted > 0
    ]
    return math.exp(sum(logs) / len(logs)) if logs else 1.0


def spread(values: Sequence[int], most: int) -> list[int]:
    """At most so many of them: the ends, and what lies evenly between in logarithms."""
    ordered = sorted(set(values))
    if len(ordered) <= most:
        return ordered
    low, high = math.log(ordered[0]), math.log(ordered[-1])
    wanted = [low + (high - low) * step / (most - 1) for step in range(most)]
    return sorted({min(ordered, key=lambda one: abs(math.log(one) - at)) for at in wanted})
