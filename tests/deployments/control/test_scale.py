"""Replicas of instances follow what fronts tell: rows, a clock that is turned, and two workers at once."""

from dataclasses import replace

import pytest

from deployments.control import scale as scaling
from deployments.control.scale import _read, scale
from deployments.models import FrontStatus, InstanceScaling, Service
from deployments.services import lifecycle
from studio.activity.models import Event
from tests.deployments.service_factories import FakeTarget, deploy, instance_of

pytestmark = pytest.mark.django_db
SLEEPY = {"min_replicas": 0, "max_replicas": 4, "idle_seconds": 60}


@pytest.fixture(autouse=True)
def _front(settings, tmp_path):
    settings.FRONT_FOLDER, settings.FRONT = tmp_path, settings.FRONT | {"enabled": True}


@pytest.fixture
def start(workspace, bob, iris, fake):
    """Deploy a service with these options, and have it run."""

    def started(**options) -> Service:
        return fake.visit(deploy(workspace, bob, iris, target=fake.target, deployment_config=options), 4)

    return started


def tell(
    fake: FakeTarget, service: Service, revision: int = 1, *, front: str = "front", after: float = 1, **load
) -> None:
    """So many seconds later a front tells what a revision had to do; nothing where nothing is given."""
    fake.wait(after)
    said = {"service": service.pk, "revision": revision, "at": 0.0, "seconds": 1.0} | load
    facts = {"started_at": fake.now(), "seen_at": fake.now(), "loads_at": fake.now(), "loads_seconds": 1.0}
    FrontStatus.objects.update_or_create(name=front, defaults=facts | {"loads": [said] if load else []})


def seconds(fake: FakeTarget, service: Service, count: int, **load) -> int:
    """So many that look alike; gives the number of replicas after them."""
    for _ in range(count):
        tell(fake, service, **load)
        scale()
    return instance_of(service).replicas


def quiet(fake: FakeTarget, service: Service, duration: int) -> int:
    """So many seconds in which nobody asks: fronts tell so every five."""
    for _ in range(duration // 5):
        tell(fake, service, after=5)
        scale()
    return instance_of(service).replicas


def scalings(service: Service) -> list[tuple[int, int]]:
    """What the activity list tells, oldest first."""
    found = Event.objects.filter(action="service.scaled", subject_id=str(service.pk)).order_by("pk")
    return [(event.details["before"], event.details["after"]) for event in found]


def test_fixed_number_is_what_an_instance_starts_with_and_gets_back(fake, start):
    service = start(replicas=3)
    assert instance_of(service).replicas == 3
    service.instances.update(replicas=1)
    assert seconds(fake, service, 1) == 3
    assert scalings(service) == [(1, 3)]


def test_load_adds_replicas_at_once_and_says_why(fake, start):
    service = start(max_replicas=5)
    before = instance_of(service)
    assert seconds(fake, service, 3, busy=1.0, arrivals=10, service_seconds=0.2) == 3
    after = instance_of(service)
    assert after.generation > before.generation
    assert after.changed_at == before.changed_at, "it is the same thing that runs"
    kept = InstanceScaling.objects.get(instance=after)
    assert kept.why == "2.0 requests at once, 70% of 1 in each replica"
    assert kept.changed_at is not None
    assert scalings(service)[-1][1] == 3


def test_most_replicas_are_the_limit(fake, start):
    assert seconds(fake, start(max_replicas=2), 3, busy=2, arrivals=100, service_seconds=0.2) == 2


def test_it_shrinks_after_a_minute(fake, start):
    service = start(max_replicas=5)
    assert seconds(fake, service, 3, busy=1, arrivals=10, service_seconds=0.2) == 3
    assert quiet(fake, service, 40) == 3
    assert quiet(fake, service, 120) == 1
    assert 1 < len(scalings(service)) < 5


def test_fronts_are_added_up(fake, start):
    service = start(max_replicas=9)
    for _ in range(3):
        tell(fake, service, front="one", busy=1, arrivals=10, service_seconds=0.2)
        tell(fake, service, front="two", busy=1, arrivals=20, service_seconds=0.2)
        scale()
    assert instance_of(service).replicas == 9  # 6 requests at once


def test_lost_figures_change_nothing(fake, start):
    service = start(**SLEEPY)
    assert seconds(fake, service, 3, busy=1, arrivals=10, service_seconds=0.2) == 3
    for _ in range(20):
        fake.wait(30)
        scale()
    assert instance_of(service).replicas == 3


def test_it_sleeps_when_nobody_asks_and_wakes_for_who_waits(fake, start):
    service = start(**SLEEPY)
    assert seconds(fake, service, 5, busy=0.1, arrivals=1, service_seconds=0.1) == 1
    assert quiet(fake, service, 45) == 1
    assert quiet(fake, service, 20) == 0
    kept = InstanceScaling.objects.get().version
    assert quiet(fake, service, 20) == 0
    assert InstanceScaling.objects.get().version == kept, "a service that sleeps costs nothing"
    assert seconds(fake, service, 1, arrivals=3, waiting=3) == 1
    assert scalings(service) == [(1, 0), (0, 1)]


def test_what_has_not_proved_itself_does_not_sleep(workspace, bob, iris, fake):
    fake.behave("never")
    service = fake.visit(deploy(workspace, bob, iris, target=fake.target, deployment_config=SLEEPY), 3)
    assert quiet(fake, service, 100) == 1


def test_without_a_front_nothing_sleeps(fake, start, settings):
    service = start(**SLEEPY)
    assert quiet(fake, service, 70) == 0
    settings.FRONT = settings.FRONT | {"enabled": False}
    FrontStatus.objects.all().delete()
    scale()
    assert instance_of(service).replicas == 1


def test_revisions_that_share_the_requests_are_awake_together(workspace, bob, iris, fake, start):
    service = start(**SLEEPY)
    more = {"target": fake.target, "traffic": 10, "deployment_config": SLEEPY}
    service = fake.visit(deploy(workspace, bob, iris, overwrite=True, **more), 4)
    for _ in range(14):
        tell(fake, service, after=5, busy=0.1, arrivals=1, service_seconds=0.1)
        scale()
    assert [instance_of(service, number).replicas for number in (1, 2)] == [1, 1]
    quiet(fake, service, 65)
    assert [instance_of(service, number).replicas for number in (1, 2)] == [0, 0]
    tell(fake, service, arrivals=1, waiting=1)
    scale()
    assert [instance_of(service, number).replicas for number in (1, 2)] == [1, 1]


def test_update_starts_with_as_many_replicas_as_answer_before_it(workspace, bob, iris, fake, start):
    service = start(max_replicas=5)
    seconds(fake, service, 3, busy=1, arrivals=10, service_seconds=0.2)
    for most, first in ((4, 3), (2, 2)):
        more = {"target": fake.target, "deployment_config": {"max_replicas": most}}
        service = deploy(workspace, bob, iris, overwrite=True, **more)
        assert instance_of(service).replicas == first
        fake.visit(service, 4)


def test_update_of_a_service_that_sleeps_proves_itself_awake(workspace, bob, iris, fake, start):
    service = start(**SLEEPY)
    assert quiet(fake, service, 70) == 0
    service = deploy(workspace, bob, iris, overwrite=True, target=fake.target, deployment_config=SLEEPY)
    assert instance_of(service).replicas == 1


def test_service_that_is_started_again_is_awake(bob, fake, start):
    service = start(**SLEEPY)
    assert quiet(fake, service, 70) == 0
    lifecycle.stop(service, bob)
    lifecycle.start(fake.visit(service, 3), bob)
    fake.visit(service, 1)
    assert instance_of(service).replicas == 1


def test_two_workers_at_once_decide_once(fake, start, monkeypatch):
    """The second has read the rows before the first one writes them."""
    service = start(max_replicas=5)
    seconds(fake, service, 1)
    tell(fake, service, busy=3, arrivals=20, service_seconds=0.2)
    decide, inside = scaling.replicas, []

    def decide_twice(*given):
        if not inside:
            inside.append(True)
            scale()
        state, why = decide(*given)
        return replace(state, wanted=state.wanted), why

    monkeypatch.setattr(scaling, "replicas", decide_twice)
    scale()
    assert len(scalings(service)) == 1
    assert instance_of(service).replicas == scalings(service)[0][1] > 1


def test_worker_killed_between_any_two_writes_is_made_good_by_the_next(fake, start, monkeypatch):
    service = start(max_replicas=5)
    seconds(fake, service, 1)

    def die(*_args, **_more):
        raise KeyboardInterrupt

    for line in ("_keep", "_change", "record_event", "enqueue_task_on_commit"):
        tell(fake, service, busy=3, arrivals=20, service_seconds=0.2)
        with monkeypatch.context() as patch:
            patch.setattr(scaling, line, die)
            with pytest.raises(KeyboardInterrupt):
                scale()
        assert instance_of(service).replicas == 1
    scale()
    assert instance_of(service).replicas == 5


def test_longer_time_between_decisions_is_held(fake, start):
    service = start(max_replicas=9, scaling_seconds=10)
    seconds(fake, service, 1, busy=0.1, arrivals=1, service_seconds=0.2)
    assert seconds(fake, service, 8, busy=1, arrivals=10, service_seconds=0.2) == 1
    assert seconds(fake, service, 2, busy=1, arrivals=10, service_seconds=0.2) == 3


def test_service_that_cannot_be_read_does_not_keep_others_waiting(workspace, bob, iris, fake, start):
    first = start(max_replicas=5)
    second = fake.visit(
        deploy(workspace, bob, iris, name="other", target=fake.target, deployment_config={"replicas": 2}), 4
    )
    seconds(fake, first, 1)
    InstanceScaling.objects.update(state={"wanted": "many"})
    second.instances.update(replicas=1)
    scale()
    assert instance_of(second).replicas == 2


def test_services_that_sleep_are_read_when_somebody_calls_them_alone(start, fake, monkeypatch):
    service = start(**SLEEPY)
    assert quiet(fake, service, 90) == 0
    read = []
    monkeypatch.setattr(
        scaling, "_read", lambda instance, *rest: read.append(instance.service_id) or _read(instance, *rest)
    )
    quiet(fake, service, 10)
    assert read == []
    assert seconds(fake, service, 1, waiting=1, arrivals=1) == 1
    assert read == [service.pk]
