"""Short closed loops that show how long runs take, before any configuration is tried under the goal's load."""

import math
from dataclasses import replace

from monitoring.profiling.candidates import Options, spread
from monitoring.profiling.measure import Configuration, Limits, Load, Measured, Purpose
from monitoring.profiling.recorded import Recorder
from monitoring.profiling.service_curve import Scaling, ServiceCurve, fit_scaling
from monitoring.profiling.verification import Effort

PROBED_THREADS, PROBED_ROWS = 4, 3
BUSY, MOST_CONNECTIONS = 2, 100  # of a replica: for each request that it can work on at once, and in all


class NoAnswer(Exception):
    """Nothing can be measured at all; the message says why."""


class Probes:
    """`alone`: by threads, what one connection showed."""

    def __init__(self, limits: Limits, possible: list[Configuration], measure: Recorder) -> None:
        self._limits, self._possible, self._measure = limits, possible, measure
        self._seconds = Effort.within(limits.seconds).probe
        self.alone: dict[int, Measured] = {}

    def curves(self) -> dict[Options, ServiceCurve]:
        """By further options. NoAnswer where no request is answered at all."""
        first, *others = self._limits.options
        threads_tried = spread([one.threads for one in self._possible], PROBED_THREADS)
        for threads in threads_tried:
            alone = Load(connections=1, seconds=self._seconds)
            configuration = Configuration(threads=threads, batch_rows=min(self._limits.batch_rows), options=first)
            self.alone[threads] = self._measure(configuration, alone, "service time")
        runs: dict[tuple[int, int], float] = {}
        for rows in spread(self._limits.batch_rows, PROBED_ROWS):
            for threads in threads_tried:
                measured = self._probe(Configuration(threads=threads, batch_rows=rows, options=first), "service time")
                if measured.throughput > 0:
                    runs[threads, rows] = rows / measured.throughput
        if not runs:
            raise NoAnswer(self._measure.points[0].measured.error or "No request was answered.")
        curve = ServiceCurve(runs, self._scaling(first, runs), self._tails(runs))
        return {first: curve} | {options: self._other(options, curve) for options in others}

    def _tails(self, runs: dict[tuple[int, int], float]) -> dict[int, float]:
        rows = min(self._limits.batch_rows)
        return {
            threads: max(alone.p99 / 1000 / runs[threads, rows], 1.0)
            for threads, alone in self.alone.items()
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
        return self._measure(one, Load(connections=connections, seconds=self._seconds), purpose)
