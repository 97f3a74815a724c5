"""The search, on synthetic models whose truth is known."""

import math
from dataclasses import replace

import msgspec
import pytest

from monitoring.profiling.candidates import configurations, spread
from monitoring.profiling.measure import Configuration, Goal, Limits, Measured, Point
from monitoring.profiling.result import Result
from monitoring.profiling.search import search
from tests.monitoring.profiling.surfaces import LIMITS, Surface

SEEDS = range(40)


def test_what_is_found_truly_meets_the_goal_with_nearly_the_fewest_cores():
    more = []
    for seed in SEEDS:
        surface = Surface(seed)
        found = search(surface.goal, LIMITS, surface.measure)
        if found.recommendation:
            smallest = found.recommendation.smallest
            assert surface.truth(smallest, surface.goal.rate) <= surface.goal.p99
            more.append(smallest.cores / surface.best(configurations(LIMITS)).cores)
    assert len(more) >= 0.9 * len(SEEDS)
    assert sum(more) / len(more) < 1.2


def test_a_recommendation_is_explained_with_numbers():
    surface = Surface(3)
    found = search(surface.goal, LIMITS, surface.measure)
    first = found.why[0]
    assert found.verdict == "met"
    assert str(found.recommendation.configuration)[1:] in first
    assert f"{surface.goal.p99:.3g} ms" in first
    assert any("configurations were measured" in sentence for sentence in found.why)


def test_a_search_that_died_goes_on_with_its_points():
    whole = Surface(7)
    kept: list[Point] = []
    expected = search(whole.goal, LIMITS, whole.measure, on_point=kept.append)
    stored = msgspec.convert(msgspec.to_builtins(kept[:9]), list[Point])
    rest = iter(kept[9:])
    asked = []

    def measure(configuration, load):
        asked.append((configuration, load))
        return next(rest).measured

    found = search(whole.goal, LIMITS, measure, resume=stored)
    assert found == expected
    assert asked == [(one.configuration, one.load) for one in kept[9:]]


def test_a_result_survives_json():
    surface = Surface(5)
    found = search(surface.goal, LIMITS, surface.measure)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Result) == found


def test_a_goal_below_one_request_cannot_be_met_and_says_so():
    surface = Surface(1)
    goal = Goal(p99=0.01, rate=10)
    found = search(goal, LIMITS, surface.measure)
    assert (found.verdict, found.limited_by, found.recommendation) == ("not met", "one request", None)
    assert found.why[0] == (
        "A way to p99 within 0.01 ms at 10 requests/s cannot be met: even one request alone takes longer."
    )


def test_a_rate_beyond_all_cores_names_what_can_be_had():
    surface = Surface(2)
    goal = replace(surface.goal, rate=surface.goal.rate * 1000)
    found = search(goal, replace(LIMITS, cores=8), surface.measure)
    assert (found.verdict, found.limited_by) == ("not met", "cores")
    assert 0 < found.nearest.rate < goal.rate
    assert any("can be had up to about" in sentence for sentence in found.why)


def test_time_that_runs_out_ends_with_what_was_measured():
    surface = Surface(2)
    found = search(surface.goal, replace(LIMITS, seconds=8), surface.measure)
    assert found.verdict == "out of time"
    assert found.seconds <= 8
    assert found.points


def test_a_service_that_answers_errors_only_is_no_answer():
    def measure(configuration, load):
        return Measured(throughput=0, p50=None, p99=None, error="500: no column 'age'", seconds=1)

    found = search(Goal(p99=10, rate=10), LIMITS, measure)
    assert (found.verdict, found.limited_by) == ("no answer", "errors")
    assert "no column 'age'" in found.why[0]


def test_a_machine_that_did_other_things_is_told():
    surface = Surface(4)

    def measure(configuration, load):
        return replace(surface.measure(configuration, load), reason="other programs used 30 % of the machine's CPU")

    found = search(surface.goal, LIMITS, measure)
    assert (found.verdict, found.noisy) == ("met", True)
    assert found.why[-1] == (
        "Latencies may be worse than they would be alone: other programs used 30 % of the machine's CPU."
    )


def test_memory_that_grows_gets_no_limit():
    surface = Surface(4)

    def measure(configuration, load):
        return replace(surface.measure(configuration, load), grows=load.rate is not None)

    found = search(surface.goal, LIMITS, measure)
    assert found.recommendation.memory_bytes is None
    assert any("Memory grows" in sentence for sentence in found.why)


def test_a_share_of_a_core_is_found_where_one_is_more_than_enough():
    surface = Surface(6)
    goal = replace(surface.goal, rate=surface.goal.rate / 50)
    found = search(goal, replace(LIMITS, shares=(0.5, 0.25, 0.1, 0.05)), surface.measure)
    assert found.recommendation.smallest.share < 1
    assert found.recommendation.smallest.share < found.recommendation.cpu < 2 * found.recommendation.smallest.share
    assert surface.truth(found.recommendation.configuration, goal.rate) <= goal.p99


def test_configurations_stay_within_the_cores():
    found = configurations(Limits(replicas=(1, 2, 4), threads=(1, 2), batch_rows=(1,), cores=4))
    assert {(one.replicas, one.threads) for one in found} == {(1, 1), (2, 1), (4, 1), (1, 2), (2, 2)}
    assert [one.cores for one in found] == sorted(one.cores for one in found)


def test_memory_over_the_limit_is_not_recommended():
    surface = Surface(4)
    found = search(surface.goal, replace(LIMITS, memory=50 * 1024**2), surface.measure)
    assert (found.verdict, found.limited_by) == ("not met", "memory")


@pytest.mark.parametrize(
    ("values", "most", "expected"),
    [((1, 2, 3), 4, [1, 2, 3]), ((1, 2, 4, 8, 16, 32), 3, [1, 4, 32]), (range(1, 65), 4, [1, 4, 16, 64])],
)
def test_values_are_thinned_out_in_logarithms(values, most, expected):
    found = spread(values, most)
    assert (found[0], found[-1], len(found)) == (expected[0], expected[-1], len(expected))


def test_a_configuration_reads_as_people_say_it():
    assert str(Configuration(replicas=2, batch_rows=8)) == "2 replicas of 1 core, batches of up to 8 rows"
    assert math.isclose(Configuration(replicas=3, threads=2).cores, 6)
