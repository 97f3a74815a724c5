"""All configurations that limits allow, with what is predicted of them."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from monitoring.profiling.measure import Configuration, Goal, Limits
from monitoring.profiling.service_curve import ServiceCurve, highest_rate, predict

FACTORS = 0.4, 4.0  # between which runs may take longer than they did alone
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
    """Curves of runs by further options."""

    curves: Mapping[Options, ServiceCurve]

    def p99(self, configuration: Configuration, rate: float) -> float:
        """In milliseconds; infinite where it falls behind."""
        return predict(self.curves[configuration.options], rate=rate, **_shape(configuration)).p99 * 1000

    def highest_rate(self, configuration: Configuration, p99: float) -> float:
        """Requests a second up to which a p99 in milliseconds should hold."""
        return highest_rate(self.curves[configuration.options], p99 / 1000, **_shape(configuration))

    def ordered(self, configurations: Iterable[Configuration], goal: Goal) -> list[Candidate]:
        """Fewest cores first, then the smallest p99."""
        found = [Candidate(one, self.p99(one, goal.rate)) for one in configurations]
        return sorted(found, key=lambda one: (one.configuration.cores, one.predicted))

    def corrected(self, seen: Sequence[tuple[Configuration, float, float]]) -> "Forecast":
        """With runs as much longer or shorter as p99s were that were seen: (configuration, rate, milliseconds).

        It is the time of runs that is corrected, not p99: a configuration that is nearly busy all the time has many
        times the p99 that was predicted because its runs take a little longer, and says little of others.
        """
        logs = [math.log(self._factor(*one)) for one in seen]
        factor = math.exp(sum(logs) / len(logs)) if logs else 1.0
        return Forecast({options: replace(curve, factor=factor) for options, curve in self.curves.items()})

    def _factor(self, configuration: Configuration, rate: float, p99: float) -> float:
        """The factor with which the prediction would have been right."""
        curve = self.curves[configuration.options]  # its own factor so far does not count
        low, high = FACTORS
        for _ in range(30):
            middle = math.sqrt(low * high)
            found = predict(replace(curve, factor=middle), rate=rate, **_shape(configuration))
            low, high = (middle, high) if found.p99 * 1000 < p99 else (low, middle)
        return high


class Shape(TypedDict):
    """What a prediction knows of a configuration."""

    replicas: int
    threads: int
    batch_rows: int


def _shape(configuration: Configuration) -> Shape:
    """A batch cannot hold more requests than a replica gets at once."""
    rows = min(configuration.batch_rows, configuration.concurrency or configuration.batch_rows)
    return Shape(replicas=configuration.replicas, threads=configuration.threads, batch_rows=rows)


def spread(values: Sequence[int], most: int) -> list[int]:
    """At most so many of them: the ends, and what lies evenly between in logarithms."""
    ordered = sorted(set(values))
    if len(ordered) <= most:
        return ordered
    low, high = math.log(ordered[0]), math.log(ordered[-1])
    wanted = [low + (high - low) * step / (most - 1) for step in range(most)]
    return sorted({min(ordered, key=lambda one: abs(math.log(one) - at)) for at in wanted})
