"""What is stored of observations, also by earlier versions."""

from deployments.targets.observation import Endpoint, Failure, Observation, Replica, without_ends

STORED_BEFORE_REPLICAS = {
    "state": "ready", "revision": 2, "endpoints": [{"protocol": "http", "address": "http://127.0.0.1:40001"}],
    "serving": True, "connections": 0, "restarts": 1, "started_at": 10.0, "ready_at": 11.0, "ended_at": None,
    "failure": None, "walls": "bubblewrap", "user": None, "readable": [], "change": 5.0, "since": None,
}  # fmt: skip


def test_observation_of_an_earlier_version_is_its_first_replica():
    found = Observation.from_dict(STORED_BEFORE_REPLICAS)
    assert found.replicas == (
        Replica(
            1,
            "ready",
            revision=2,
            endpoints=(Endpoint("http", "http://127.0.0.1:40001"),),
            serving=True,
            restarts=1,
            started_at=10.0,
            ready_at=11.0,
            walls="bubblewrap",
        ),
    )
    assert Observation.from_dict({}) == Observation.from_dict({"state": "absent", "started_at": 1.0}) == Observation()


def test_instance_stands_as_its_best_replica_does():
    crash = Failure("worker_crashed", "The server was ended by SIGSEGV.")
    found = Observation((Replica(1, "dead", failure=crash, restarts=2), Replica(3, "ready", restarts=1)))
    assert (found.state, found.is_live, found.restarts, found.failure) == ("ready", True, 3, crash)
    assert [one.state for one in found.first(3)] == ["dead", "absent", "ready"]
    assert (found.ready(3), found.ready(2), [one.number for one in found.beyond(2)]) == (1, 0, [3])


def test_only_the_end_of_the_same_run_is_left_out():
    found = Observation((Replica(1, "dead", started_at=1.0), Replica(2, "dead", started_at=5.0)))
    earlier = [Replica(1, started_at=1.0), Replica(2, started_at=2.0)]
    assert without_ends(found, earlier).replicas == (Replica(1, started_at=1.0), found.replicas[1])
