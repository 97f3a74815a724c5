"""Which cores a replica runs on."""

import pytest

from scoring.contract import Bundle, RunSettings
from scoring.core import settings
from scoring.core.settings import Replica


@pytest.fixture
def cores_of(monkeypatch, tmp_path):
    """`cores_of(replica, cpus, usable)`: the numbers of its cores on a machine with so many."""

    def cores(number, cpus, usable=8):
        monkeypatch.setattr(settings, "usable_cores", lambda: list(range(usable)))
        run = RunSettings(
            service="iris", workspace="vision", revision=1, recipe="r", bundle="/bundle", cpus=cpus, replica=str(number)
        )
        return Replica(run, Bundle("no_code", []), tmp_path, tmp_path).cores

    return cores


def test_replicas_of_a_service_share_no_core_while_there_are_enough(cores_of):
    taken = [core for number in range(1, 5) for core in cores_of(number, 2)]
    assert sorted(taken) == list(range(8))


def test_replicas_beyond_the_cores_begin_again(cores_of):
    assert cores_of(1, 2) == cores_of(5, 2)


def test_replica_that_may_use_all_cores_uses_all(cores_of):
    assert cores_of(3, 2, usable=2) == [0, 1]
    assert cores_of(3, None) == list(range(8))
