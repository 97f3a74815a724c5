"""How long a model takes for one row."""

from time import perf_counter_ns

from scoring.core.errors import ScoringError
from scoring.core.model import Model, zeros_for

MIN_RUNS, MAX_RUNS = 2, 5
SLOW_NS = 1_000_000_000  # runs end after so long in all, but for the second


def measure(model: Model) -> float | None:
    """Seconds of one run on zeros, the median of a few; None where zeros are no input for the model."""
    feed, taken = zeros_for(model), list[int]()
    try:
        while len(taken) < MIN_RUNS or (len(taken) < MAX_RUNS and sum(taken) < SLOW_NS):
            started = perf_counter_ns()
            model.compute(model.output_names, feed, trial=True)
            taken.append(perf_counter_ns() - started)
    except ScoringError:
        return None
    return sorted(taken)[len(taken) // 2] / 1e9
