"""Synthetic models to search on: Amdahl, the universal scalability law, batches that cost a + c·n, noise with seeds.

What is measured differs from what the search assumes: a run's time is not linear between measured points, the wait has
a factor of its own for each configuration, batches wait for the run before, and everything is noisy, 15 % in 5 seconds
and 6 % in 30.
"""

import math
import random

from monitoring.profiling.measure import Configuration, Goal, Limits, Load, Measured

LIMITS = Limits(replicas=(1, 2, 3, 4, 6, 8), threads=(1, 2, 4, 8), batch_rows=(1, 4, 8, 16, 32))
STARTING = 0.0  # seconds before a load, in the bars: those of the load alone are compared


class Surface:
    """One model on one machine. `measure` is a `Measure`; `truth` has no noise."""

    def __init__(self, seed: int, *, noise: float = 1.0) -> None:
        chance = random.Random(seed)
        self._chance, self._seed, self._noise = chance, seed, noise
        self._work = math.exp(chance.uniform(math.log(0.001), math.log(0.03)))  # seconds for one row, one thread
        self._serial = chance.uniform(0.05, 0.6)  # of it, that threads do not share
        self._each = chance.uniform(0.1, 0.9)  # of it, that every further row of a batch costs
        self._contention, self._coherence = chance.uniform(0, 0.08), chance.uniform(0, 0.004)
        self._bend = chance.uniform(0.9, 1.1)  # of the time over rows
        self._tail = math.exp(chance.uniform(math.log(1.05), math.log(1.5)))  # p99 of a run over its mean
        self.goal = self._goal(chance)
        self.asked: list[tuple[Configuration, Load]] = []

    def _goal(self, chance: random.Random) -> Goal:
        """One that some configuration of LIMITS meets, so that not all do."""
        one = self._run(1, 1, 1)
        rate = math.exp(chance.uniform(math.log(0.3), math.log(5))) / one
        return Goal(p99=1000 * one * chance.uniform(1.6, 6), rate=rate)

    def _run(self, rows: float, threads: int, replicas: int) -> float:
        shared = self._serial + (1 - self._serial) / threads
        more = self._contention * (replicas - 1) + self._coherence * replicas * (replicas - 1)
        return self._work * shared * (1 - self._each + self._each * rows**self._bend) * (1 + more)

    def truth(self, configuration: Configuration, rate: float) -> float:
        """p99 in milliseconds; infinite where it cannot keep up."""
        replicas, threads, most = configuration.replicas, configuration.threads, configuration.batch_rows
        each = rate / replicas / configuration.share
        busy = each * self._run(most, threads, replicas) / most
        if busy >= 1:
            return math.inf
        rows = 1.0
        for _ in range(50):
            rows = min(max(each * self._run(rows, threads, replicas), 1.0), most)
        run = self._run(rows, threads, replicas)
        wait = run * 4.6 * busy ** math.sqrt(2 * (replicas + 1)) / (replicas * (1 - busy))
        before = run * min(each * run, 1.0) if most > 1 else 0.0
        own = random.Random(f"{self._seed} {configuration}").lognormvariate(0, 0.15)
        return 1000 * (run * self._tail + (wait + before) * own)

    def measure(self, configuration: Configuration, load: Load) -> Measured:
        self.asked.append((configuration, load))
        off = self._chance.lognormvariate(0, self._noise * 0.15 * math.sqrt(5 / load.seconds))
        if load.connections:
            at_once = min(configuration.batch_rows, load.connections / configuration.replicas)
            run = self._run(at_once, configuration.threads, configuration.replicas) * off
            p99 = 1000 * run * self._tail
            return self._measured(configuration.replicas * at_once / run, p99, load)
        p99 = self.truth(configuration, load.rate or 0.0) * off
        if math.isinf(p99):
            return self._measured((load.rate or 0.0) * 0.8, 10_000.0, load, failed=0.2)
        return self._measured(load.rate or 0.0, p99, load)

    def _measured(self, throughput: float, p99: float, load: Load, failed: float = 0.0) -> Measured:
        requests = int(throughput * load.seconds) or 1
        lost = int(requests * failed)
        return Measured(
            throughput=throughput,
            p50=p99 / 2,
            p99=p99,
            answered=requests - lost,
            failed=lost,
            cpu=1.0,
            memory=100 * 1024**2,
            seconds=load.seconds + STARTING,
        )

    def best(self, configurations: list[Configuration]) -> Configuration | None:
        """The fewest cores that truly meet the goal."""
        met = [one for one in configurations if self.truth(one, self.goal.rate) <= self.goal.p99]
        return min(met, key=lambda one: (one.cores, self.truth(one, self.goal.rate)), default=None)
