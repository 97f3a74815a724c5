"""How long a replica takes for a run of n rows with t threads, and what more replicas cost each other.

From closed loops with one replica and so many connections that it is never without work: a run of n rows takes the time
in which n requests are answered. Between what was measured it is linear. Replicas share memory bandwidth, caches and
locks; the universal scalability law (Gunther) says by how much: 1 + σ(r-1) + κr(r-1) times as long.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scaling:
    """σ (waiting for each other) and κ (telling each other), both from 0."""

    contention: float = 0.0
    coherence: float = 0.0

    def slower(self, replicas: int) -> float:
        """How many times as long a run takes beside so many replicas."""
        return 1 + self.contention * (replicas - 1) + self.coherence * replicas * (replicas - 1)


def fit_scaling(slower: Mapping[int, float]) -> Scaling:
    """The law through measured slowdowns by number of replicas: least squares, without negative parts."""
    rows = [
        (replicas - 1.0, replicas * (replicas - 1.0), factor - 1.0)
        for replicas, factor in slower.items()
        if replicas > 1
    ]
    if not rows:
        return Scaling()
    left, right = np.array([row[:2] for row in rows]), np.array([row[2] for row in rows])
    if len(rows) > 1:
        contention, coherence = np.linalg.lstsq(left, right, rcond=None)[0]
        if contention >= 0 and coherence >= 0:
            return Scaling(float(contention), float(coherence))
    only = [Scaling(_through(left[:, 0], right), 0.0), Scaling(0.0, _through(left[:, 1], right))]
    return min(
        only, key=lambda one: sum((one.slower(int(n) + 1) - 1 - y) ** 2 for n, y in zip(left[:, 0], right, strict=True))
    )


def _through(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    return max(float(np.dot(x, y) / np.dot(x, x)), 0.0)


@dataclass(frozen=True)
class ServiceCurve:
    """`measured`: (threads, rows) to seconds of a run; at least one. `scaling`: of replicas beside each other.

    `tails`: by threads, p99 of a single request alone over the time of a run: what clients, sockets, several processes
    and the runs themselves add. `factor`: how many times as long runs take under a real load as they did alone.
    """

    measured: Mapping[tuple[int, int], float]
    scaling: Scaling = field(default_factory=Scaling)
    tails: Mapping[int, float] = field(default_factory=dict)
    factor: float = 1.0

    def run_seconds(self, rows: float, threads: int, replicas: int = 1) -> float:
        """Of a run of so many rows."""
        known = sorted({count for count, _ in self.measured})
        alone = _between(known, [self._with_threads(count, rows) for count in known], threads)
        return alone * self.scaling.slower(replicas) * self.factor

    def tail(self, threads: int) -> float:
        """How many times as long as a run p99 is, without any wait."""
        known = sorted(self.tails)
        return _between(known, [self.tails[count] for count in known], threads) if known else 1.0

    def _with_threads(self, threads: int, rows: float) -> float:
        sizes = sorted(size for count, size in self.measured if count == threads)
        return _between(sizes, [self.measured[threads, size] for size in sizes], rows, beyond=True)


def _between(xs: Sequence[float], ys: Sequence[float], x: float, *, beyond: bool = False) -> float:
    """Linear between points; beyond the last one level, or by the last slope."""
    if len(xs) == 1:
        return ys[0]
    if x <= xs[0]:
        return ys[0]
    if x >= xs[-1] and not beyond:
        return ys[-1]
    right = min(max(bisect_left(xs, x), 1), len(xs) - 1)
    share = (x - xs[right - 1]) / (xs[right] - xs[right - 1])
    return max(ys[right - 1] + share * (ys[right] - ys[right - 1]), min(ys) * 0.5)


@dataclass(frozen=True)
class Prediction:
    """p99 in seconds (infinite where it cannot keep up), the share of time that runs take, and rows in a run."""

    p99: float
    utilisation: float
    rows: float


def predict(curve: ServiceCurve, *, rate: float, replicas: int, threads: int, batch_rows: int) -> Prediction:
    """p99 at `rate` requests a second that come at random.

    The wait for one of r servers is Sakasegawa's approximation, 4.6 its 99 % point; a batch takes what has come during
    the run before it.
    """
    each = rate / replicas
    full = curve.run_seconds(batch_rows, threads, replicas)
    utilisation = each * full / batch_rows
    if utilisation >= 1:
        return Prediction(math.inf, utilisation, batch_rows)
    rows = _rows_in_run(curve, each, threads, replicas, batch_rows)
    run = curve.run_seconds(rows, threads, replicas)
    wait = run * 4.6 * utilisation ** math.sqrt(2 * (replicas + 1)) / (replicas * (1 - utilisation))
    return Prediction(run * curve.tail(threads) + wait, utilisation, rows)


def _rows_in_run(curve: ServiceCurve, each: float, threads: int, replicas: int, most: int) -> float:
    rows = 1.0
    for _ in range(20):
        following = min(max(each * curve.run_seconds(rows, threads, replicas), 1.0), float(most))
        if abs(following - rows) < 0.01:
            break
        rows = following
    return rows


def highest_rate(curve: ServiceCurve, p99: float, *, replicas: int, threads: int, batch_rows: int) -> float:
    """The rate up to which `p99` seconds are predicted to hold; 0 where not even one request does."""
    low, high = 0.0, replicas * batch_rows / curve.run_seconds(batch_rows, threads, replicas)
    for _ in range(40):
        middle = (low + high) / 2
        found = predict(curve, rate=middle, replicas=replicas, threads=threads, batch_rows=batch_rows)
        low, high = (middle, high) if found.p99 <= p99 else (low, middle)
    return low
