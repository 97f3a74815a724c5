"""How long a model takes for one row."""

from time import perf_counter_ns

from scoring.core.errors import ScoringError
from scoring.core.model import Model, zeros_for

MIN_RUNS, MAX_RUNS = 2, 5
SLOW_NS = 1_000_000_000  # runs end after so long in all, but for the second


def measure(model: Model) -> float | None:
    """Seconds of one run on zeros, the median of a few; None where zeros are no input for the model."""
    feed, times = zeros_for(model), list[int]()
    try:
        while len(times) < MIN_RUNS or (len(times) < MAX_RUNS and sum(times) < SLOW_NS):
            started = perf_counter_ns()
            model.compute(model.output_names, feed, trial=True)
            times.append(perf_counter_ns() - started)
    except ScoringError:
        return None
    return sorted(times)[len(times) // 2] / 1e9
