"""Whether a configuration holds a goal, from as few measurements as that takes."""

import math
from dataclasses import dataclass

from monitoring.profiling.measure import Configuration, Goal, Limits, Load, Measured, Purpose
from monitoring.profiling.recorded import Recorder

SURE = 0.9  # of the goal, that one measurement of 30 s must stay below: a new one differs by 6 %
MOST_RUNS = 4  # of a configuration near the goal


@dataclass(frozen=True)
class Effort:
    """Seconds of the two kinds of loads; shorter where the budget is small."""

    probe: float = 3.0
    verify: float = 30.0

    @classmethod
    def within(cls, budget: float) -> "Effort":
        """What a budget in seconds allows."""
        return cls(min(max(budget / 200, 1.0), 3.0), min(max(budget / 20, 5.0), 30.0))


class Verifier:
    """Puts the goal's load, or a multiple of it, on configurations."""

    def __init__(self, goal: Goal, limits: Limits, measure: Recorder) -> None:
        self._goal, self._limits, self._measure = goal, limits, measure
        self._seconds = Effort.within(limits.seconds).verify

    def load(self, times: float = 1.0) -> Load:
        """So many times the goal's rate."""
        return Load(rate=times * self._goal.rate, seconds=self._seconds)

    def verify(
        self, configuration: Configuration, times: float = 1.0, purpose: Purpose = "verification"
    ) -> tuple[bool, Measured]:
        """Whether it holds the goal's p99 at so many times its rate, and the last measurement. Near the goal it is
        measured again, unless half of the time has gone.
        """
        logs: list[float] = []
        while True:
            measured = self._measure(configuration, self.load(times), purpose)
            if not self.answers(measured):
                return False, measured
            logs.append(math.log(measured.p99 or 1e-6))
            runs = len(logs)
            mean, certainty = math.exp(sum(logs) / runs), 1 / math.sqrt(runs)
            if mean <= self._goal.p99 * SURE**certainty:
                return True, measured
            if mean > self._goal.p99 / SURE ** (certainty / 2) or self.is_late() or runs >= MOST_RUNS:
                return False, measured

    def answers(self, measured: Measured) -> bool:
        """Whether as many requests were answered as the goal wants, within the memory that there is."""
        fits = self._limits.memory is None or measured.memory is None or measured.memory <= self._limits.memory
        return fits and measured.p99 is not None and 1 - measured.success <= self._goal.failed

    def is_late(self) -> bool:
        """Whether half of the time has gone."""
        return self._measure.seconds > self._limits.seconds / 2
