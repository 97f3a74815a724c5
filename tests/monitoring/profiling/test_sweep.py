"""Every configuration, and those that none beats."""

from dataclasses import replace

from monitoring.profiling.candidates import configurations
from monitoring.profiling.measure import Limits
from monitoring.profiling.sweep import pareto, sweep
from tests.monitoring.profiling.surfaces import Surface

FEW = Limits(
    replicas=(1, 2), threads=(1, 2), batch_rows=(1, 8), concurrency=(None, 4), options=((), (("processes", 2),))
)


def test_a_sweep_measures_every_combination_once():
    surface = Surface(3)
    found = sweep(surface.goal, replace(FEW, seconds=3600), surface.measure)
    assert [one.configuration for one in found.points] == configurations(FEW)
    assert len(set(configurations(FEW))) == found.tried == found.possible == 32


def test_a_sweep_ends_with_its_time_and_goes_on_with_its_points():
    surface = Surface(3)
    first = sweep(surface.goal, replace(FEW, seconds=100), surface.measure)
    assert first.tried == 20
    asked = []

    def measure(configuration, load):
        asked.append(configuration)
        return first.points[6 + len(asked)].measured

    again = sweep(surface.goal, replace(FEW, seconds=100), measure, resume=first.points[:7])
    assert len(asked) == 13
    assert again == first


def test_the_pareto_front_has_none_that_another_beats():
    surface = Surface(3)
    points = sweep(surface.goal, replace(FEW, seconds=3600), surface.measure).points
    front = pareto(points)
    cores = [one.configuration.cores for one in front]
    latencies = [one.measured.p99 for one in front]
    assert cores == sorted(set(cores))
    assert latencies == sorted(latencies, reverse=True)
    assert min(one.measured.p99 for one in points) == latencies[-1]
