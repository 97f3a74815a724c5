"""Measuring under a budget of time, with what was measured before a crash answered from memory."""

from collections import deque
from collections.abc import Callable, Iterable

from monitoring.profiling.measure import Configuration, Load, Measure, Measured, Point, Purpose

OnPoint = Callable[[Point], None]
OnStart = Callable[[Configuration, Load, Purpose], None]
Key = tuple[Configuration, Load, Purpose]


class OutOfTime(Exception):
    """The next measurement would exceed the budget."""


class Recorder:
    """Asks `measure`, keeps every point and its time. A search repeated with `resume` asks the same again in the same
    order, and gets what was measured the first time.
    """

    def __init__(
        self, measure: Measure, budget: float, resume: Iterable[Point], on_start: OnStart, on_point: OnPoint
    ) -> None:
        self._measure, self._budget, self._on_start, self._on_point = measure, budget, on_start, on_point
        self._stored: dict[Key, deque[Point]] = {}
        for point in resume:
            self._stored.setdefault((point.configuration, point.load, point.purpose), deque()).append(point)
        self.points: list[Point] = []
        self.seconds = 0.0

    def __call__(self, configuration: Configuration, load: Load, purpose: Purpose) -> Measured:
        """OutOfTime if the budget does not hold it."""
        stored = self._stored.get((configuration, load, purpose))
        if stored:
            return self._keep(stored.popleft())
        if self.seconds + load.seconds > self._budget:
            raise OutOfTime
        self._on_start(configuration, load, purpose)
        measured = self._measure(configuration, load)
        point = Point(configuration=configuration, load=load, measured=measured, purpose=purpose)
        self._on_point(point)
        return self._keep(point)

    def _keep(self, point: Point) -> Measured:
        self.points.append(point)
        self.seconds += max(point.measured.seconds, point.load.seconds if not point.measured.error else 0.0)
        return point.measured

    def configurations(self) -> int:
        """How many different ones were measured."""
        return len({point.configuration for point in self.points})
