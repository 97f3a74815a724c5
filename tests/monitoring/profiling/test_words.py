"""What a search says of the differences it saw."""

import pytest

from monitoring.profiling.measure import Configuration, Goal, Limits, Load, Measured, Point
from monitoring.profiling.result import Result
from monitoring.profiling.words import explain


def probe(threads, rows, throughput):
    load = Load(connections=8, seconds=3.0)
    return Point(
        configuration=Configuration(threads=threads, batch_rows=rows),
        load=load,
        measured=Measured(throughput=throughput, answered=100, seconds=3.0, p50=1.0, p99=2.0),
        purpose="service time",
    )


@pytest.mark.parametrize(
    ("throughput", "said"), [(1140, "14% more"), (920, "8% fewer"), (1010, "about as many"), (985, "about as many")]
)
def test_more_cores_and_larger_batches_are_compared_in_words(throughput, said):
    found = Result(
        verdict="not met",
        goal=Goal(p99=20.0, rate=500.0),
        limits=Limits(seconds=60.0),
        recommendation=None,
        nearest=None,
        limited_by="time",
        why=(),
        points=(probe(1, 1, 1000), probe(2, 1, throughput), probe(1, 8, 2000)),
        tried=3,
        possible=9,
        seconds=9.0,
        noisy=False,
    )
    told = explain(found)
    assert f"2 cores instead of 1 answer {said} requests." in told
    assert "Batches of 8 rows answer 100% more." in told
