"""One load as a search wants it, against a server of the test."""

import pytest

from monitoring.errors import LoadFailed
from monitoring.profiling.measure import Load
from monitoring.profiling.measurement import figures, measure_load
from monitoring.profiling.messages import Inline, Plan
from tests.monitoring.profiling.answering import OK, Server, after, always
from tests.monitoring.profiling.test_intervals import repeat


def plan(server, **changes):
    return Plan(**{"address": server.address, "bodies": Inline(texts=["{}"]), "warm_up_seconds": 0.2} | changes)


def test_a_load_gives_figures_of_all_its_repeats():
    with Server(after(0.02)) as server:
        found = measure_load(plan(server), Load(rate=50, arrivals="constant", seconds=1.5), over=10.0)
    assert [one.number for one in found.repeats] == [0, 1, 2]
    measured = found.measured
    assert measured.throughput == pytest.approx(50, rel=0.1)
    assert 20 <= measured.p50 <= measured.p90 <= measured.p99 <= measured.p999
    assert (measured.over, measured.success, measured.error) == (1.0, 1.0, "")
    assert measured.half_width is not None
    assert measured.seconds >= 1.5


def test_failed_requests_are_part_of_the_figures():
    async def every_tenth(asked):
        return b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n" if asked.number % 10 == 0 else OK

    with Server(every_tenth) as server:
        measured = measure_load(plan(server), Load(rate=100, seconds=1.5), over=1000.0).measured
    assert measured.success == pytest.approx(0.9, abs=0.02)
    assert measured.errors == {"status 5xx": measured.failed}
    assert measured.over == pytest.approx(0.1, abs=0.02)


def test_a_service_that_answers_errors_only_is_measured_as_nothing():
    broken = b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nno column"
    with Server(always(broken)) as server:
        found = measure_load(plan(server), Load(connections=2, seconds=30))
    assert found.repeats == []
    assert (found.measured.p99, found.measured.throughput) == (None, 0.0)
    assert "no column" in found.measured.error


def test_what_is_wrong_with_the_plan_is_raised():
    with Server(after(0)) as server, pytest.raises(LoadFailed) as told:
        measure_load(plan(server, bodies=Inline(texts=[])), Load(connections=1))
    assert told.value.code == "bodies_empty"


def test_noisy_repeats_are_left_out_of_the_figures():
    loud = repeat([500.0] * 100, reason="other programs used 40.0% of the machine's CPU")
    measured = figures([repeat([10.0] * 100), loud, repeat([10.0] * 100)])
    assert measured.p99 == pytest.approx(10.0, rel=0.01)
    assert (measured.answered, measured.reason) == (200, "")
    assert "busy in every repeat" in figures([loud]).reason


def test_figures_of_a_late_generator_are_refused():
    assert "late" in figures([repeat([1.0] * 100, lag=[0.5] * 100)]).reason
