"""An instance in several replicas, and in none, under a manual clock."""

import pytest
from django.db.models import F

from deployments.control.restart_backoff import LOOP
from deployments.models import FrontStatus, Phase
from deployments.services import lifecycle
from deployments.traffic.routing_file import routing_path, write_routing
from deployments.traffic.withdrawal import LONGEST_SECONDS, UNREPORTED_SECONDS
from scoring.front_contract import decode_routing
from tests.deployments.service_factories import cause_code, deploy, instance_of, observation_of

pytestmark = pytest.mark.django_db


def scale(service, replicas: int) -> None:
    """Whatever the figures of the service say."""
    type(service).objects.filter(pk=service.pk).update(scaling={"replicas": replicas} if replicas else {})
    instance = instance_of(service)
    type(instance).objects.filter(pk=instance.pk).update(replicas=replicas, generation=F("generation") + 1)


@pytest.fixture
def three(fake, service):
    fake.visit(service, 2)
    scale(service, 3)
    return fake.visit(service, 3)


@pytest.fixture
def front(settings, tmp_path):
    settings.FRONT_FOLDER, settings.FRONT = tmp_path, settings.FRONT | {"enabled": True}


def numbers(fake, service) -> list[int]:
    return fake.world.numbers(instance_of(service).pk)


def told() -> list[str]:
    """Ids of the replicas that the front is told of."""
    write_routing()
    (service,) = decode_routing(routing_path().read_bytes()).services
    return [replica.id.partition("-")[2] for revision in service.revisions for replica in revision.replicas]


def test_number_of_replicas_is_reached_without_a_restart(fake, service, three):
    assert (three.phase, numbers(fake, service)) == (Phase.HEALTHY, [1, 2, 3])
    assert fake.world.starts == 3
    assert observation_of(service).ready(3) == 3


def test_service_that_grows_is_transitioning_and_serves(fake, service):
    fake.visit(service, 2)
    fake.world.behaving_replicas = {2: "slow", 3: "never"}
    scale(service, 3)
    seen = {(fake.visit(service).phase, cause_code(service)) for _ in range(9)}
    assert seen == {(Phase.TRANSITIONING, None)}
    assert fake.world.who_answers(service.pk) == [1]
    fake.visit(service, 40, every=10)
    assert (service.phase, cause_code(service)) == (Phase.FAILED, "replicas_missing")
    assert fake.world.who_answers(service.pk) == [1]


def test_lost_replica_is_told_and_started_again(fake, service, three):
    fake.world.kill(instance_of(service).pk, 2)
    fake.visit(service)
    assert (service.phase, cause_code(service)) == (Phase.UNHEALTHY, "replicas_missing")
    assert service.cause["message"].startswith("2 of 3 replicas are ready. Replica 2: ")
    assert fake.visit(service).phase == Phase.HEALTHY
    assert [one.restarts for one in observation_of(service).replicas] == [0, 1, 0]


def test_replica_that_always_fails_does_not_stop_the_others(fake, service):
    fake.visit(service, 2)
    fake.world.behaving_replicas = {3: "failing"}
    scale(service, 3)
    fake.visit(service, 120, every=2)
    assert (service.phase, cause_code(service)) == (Phase.UNHEALTHY, "replicas_missing")
    assert observation_of(service).ready(3) == 2
    assert fake.world.starts == 2 + 1 + LOOP  # then once in a while


def test_all_replicas_failing_for_good_is_failed_with_the_cause(bob, fake, service):
    scale(service, 2)
    fake.behave("failing")
    fake.visit(service, 6)
    assert (service.phase, cause_code(service), fake.world.starts) == (Phase.FAILED, "init_failed", 2)
    fake.behave("good")
    service.refresh_from_db()
    lifecycle.start(service, bob)
    fake.visit(service, 3)
    assert (service.phase, observation_of(service).ready(2)) == (Phase.HEALTHY, 2)


def test_sleeping_service_is_healthy_and_wakes(fake, service, three):
    scale(service, 0)
    phases = {fake.visit(service).phase for _ in range(5)}
    assert (phases, numbers(fake, service)) == ({Phase.HEALTHY}, [])
    fake.visit(service, 3, every=400)
    scale(service, 1)
    assert {fake.visit(service).phase for _ in range(2)} == {Phase.TRANSITIONING, Phase.HEALTHY}
    assert fake.world.who_answers(service.pk) == [1]


def test_revision_proves_itself_before_it_sleeps(fake, service):
    scale(service, 0)
    fake.behave("slow")
    assert fake.visit(service).phase == Phase.TRANSITIONING
    fake.visit(service, 8)
    assert (service.phase, numbers(fake, service), fake.world.starts) == (Phase.HEALTHY, [], 1)


def test_update_of_a_sleeping_service_takes_over_once_it_is_proven(workspace, bob, iris, fake, service, three):
    scale(service, 0)
    fake.visit(service, 3)
    deploy(workspace, bob, iris, target=fake.target, overwrite=True)
    fake.visit(service, 8)
    assert (service.phase, fake.world.who_answers(service.pk)) == (Phase.HEALTHY, [2])


class TestScaleDown:
    """What is to go leaves the routing file first, and ends when every front uses a file without it."""

    def test_replica_ends_once_the_front_uses_a_file_without_it(self, front, fake, service, three):
        FrontStatus.objects.create(name="front", started_at=fake.now(), applied=0, seen_at=fake.now())
        assert told() == ["1", "2", "3"]
        scale(service, 1)
        fake.visit(service)
        written = decode_routing(routing_path().read_bytes()).number
        assert told() == ["1"]
        for _ in range(4):
            FrontStatus.objects.update(seen_at=fake.now(), applied=written - 1)
            fake.visit(service)
            assert numbers(fake, service) == [1, 2, 3]
        FrontStatus.objects.update(seen_at=fake.now(), applied=written)
        fake.visit(service)
        assert (numbers(fake, service), service.phase) == ([1], Phase.HEALTHY)

    def test_replica_that_is_wanted_again_and_then_not_leaves_anew(self, front, fake, service, three):
        FrontStatus.objects.create(name="front", started_at=fake.now(), applied=10**6, seen_at=fake.now())
        scale(service, 1)
        scale(service, 3)
        fake.visit(service)
        assert told() == ["1", "2", "3"]
        FrontStatus.objects.update(applied=decode_routing(routing_path().read_bytes()).number)
        scale(service, 2)
        fake.visit(service)
        assert numbers(fake, service) == [1, 2, 3]

    def test_silent_front_is_waited_for_a_fixed_time(self, front, fake, service, three):
        scale(service, 1)
        fake.visit(service)
        assert numbers(fake, service) == [1, 2, 3]
        fake.visit(service, every=UNREPORTED_SECONDS + 0.1)
        assert numbers(fake, service) == [1]

    def test_front_that_refuses_every_file_is_not_waited_for_for_ever(self, front, fake, service, three):
        FrontStatus.objects.create(name="front", started_at=fake.now(), applied=0, seen_at=fake.now())
        scale(service, 1)
        for _ in range(int(LONGEST_SECONDS) + 2):
            FrontStatus.objects.update(seen_at=fake.now())
            fake.visit(service)
        assert numbers(fake, service) == [1]

    def test_without_a_front_replicas_end_at_once(self, fake, service, three):
        scale(service, 1)
        fake.visit(service)
        assert numbers(fake, service) == [1]


def test_old_revision_ends_once_the_front_uses_a_file_without_it(front, workspace, bob, iris, fake, service):
    fake.visit(service, 2)
    FrontStatus.objects.create(name="front", started_at=fake.now(), applied=0, seen_at=fake.now())
    deploy(workspace, bob, iris, target=fake.target, overwrite=True)
    for _ in range(8):
        FrontStatus.objects.update(seen_at=fake.now())
        fake.visit(service)
    assert observation_of(service, 1).state == "ready"
    FrontStatus.objects.update(seen_at=fake.now(), applied=decode_routing(routing_path().read_bytes()).number)
    fake.visit(service, 2)
    assert observation_of(service, 1).state == "absent"
