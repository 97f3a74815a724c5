"""Rollback to an earlier revision of a service."""

import pytest

from deployments.errors import BeingDeleted, ChangedMeanwhile, NothingToRollBackTo, RevisionNotBuilt
from deployments.models import BuiltBundle, Desired, Phase, Service
from deployments.services import lifecycle
from deployments.services.describe import describe
from deployments.services.queries import find
from deployments.services.revisions import describe_revisions, revisions_of
from deployments.services.rollback import rollback
from registry.models import VersionUse
from studio.core.errors import NotFound
from tests.deployments.service_factories import actions, build_of, deploy, instance_of
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def update(workspace, bob, iris, fake):
    """Gives the service another revision that is built."""

    def make() -> Service:
        service = deploy(workspace, bob, iris, target=fake.target, overwrite=True)
        keep_bundle(service)
        return service

    return make


@pytest.fixture
def service(fake, update):
    """Revision 2 serves; revision 1 served before it."""
    fake.visit(update(), 2)
    return settled(fake, update())


def keep_bundle(service, place: str = "one") -> None:
    revision = service.revisions.get(number=service.last_revision)
    BuiltBundle.objects.get_or_create(place=place, defaults={"content_hash": revision.content_hash})


def settled(fake, service) -> Service:
    return fake.visit(service, 10)


def share_of(service) -> dict[int, int]:
    return dict(service.traffic.values_list("revision__number", "percent"))


def how(service) -> tuple[str, int, dict[int, int], object]:
    found = describe(find(service.workspace, service.name), with_values=False)
    return found["state"], found["observed_revision"], share_of(service), found["update"]


def test_rollback_serves_the_previous_revision(bob, fake, service):
    assert how(service) == ("Healthy", 2, {2: 100}, None)
    rollback(service, bob)
    service.refresh_from_db()
    assert (service.phase, service.wanted_revision, service.last_revision) == (Phase.TRANSITIONING, 1, 2)
    assert how(settled(fake, service)) == ("Healthy", 1, {1: 100}, None)
    assert instance_of(service, 2).phase == Phase.STOPPED


def test_previous_revision_is_by_history_and_not_by_number(bob, fake, service, update):
    rollback(service, bob)
    settled(fake, service)
    service = settled(fake, update())
    assert service.previous_revision == 1
    rollback(service, bob)
    assert how(settled(fake, service))[1] == 1


def test_repeated_rollback_is_recorded_once(bob, fake, service):
    for _ in range(3):
        rollback(find(service.workspace, "iris"), bob)
    assert actions(service).count("rolled_back") == 1
    settled(fake, service)
    rollback(find(service.workspace, "iris"), bob, 1)
    assert actions(service).count("rolled_back") == 1


def test_rollback_to_the_serving_revision_cancels_a_running_update(bob, fake, service, update):
    fake.world.behaving[3] = "slow"
    fake.visit(update(), 2)
    service = find(service.workspace, "iris")
    assert how(service)[3]["state"] == Phase.TRANSITIONING
    rollback(service, bob)
    assert how(settled(fake, service)) == ("Healthy", 2, {2: 100}, None)
    assert instance_of(service, 3).phase == Phase.STOPPED


def test_rollback_to_the_serving_revision_clears_a_failed_update(bob, fake, service, update):
    fake.world.behaving[3] = "failing"
    failed = settled(fake, update())
    assert (how(failed)[0], how(failed)[3]["state"]) == ("Healthy", Phase.FAILED)
    rollback(find(service.workspace, "iris"), bob)
    assert how(settled(fake, service)) == ("Healthy", 2, {2: 100}, None)


def test_failed_rollback_leaves_the_serving_revision(bob, fake, service):
    fake.world.behaving[1] = "failing"
    rollback(service, bob, 1)
    failed = settled(fake, service)
    assert how(failed)[:3] == ("Healthy", 2, {2: 100})
    rollback(find(service.workspace, "iris"), bob)
    assert how(settled(fake, service)) == ("Healthy", 2, {2: 100}, None)


def test_rollback_cancels_the_build_of_the_update(workspace, bob, fake, service):
    other = make_version(workspace, "iris")
    service = deploy(workspace, bob, other, target=fake.target, overwrite=True, built=False)
    assert build_of(service).state == "queued"
    rollback(find(workspace, "iris"), bob)
    assert build_of(service).state == "cancelled"
    assert actions(service)[-2:] == ["rolled_back", "build_cancelled"]
    assert how(settled(fake, service)) == ("Healthy", 2, {2: 100}, None)
    states = {one["number"]: one["state"] for one in describe_revisions(service, revisions_of(service))}
    assert states[3] == Phase.STOPPED, "nobody failed: nobody wants it any more"


def test_rollback_starts_a_stopped_service_with_the_revision(bob, fake, service):
    lifecycle.stop(service, bob)
    settled(fake, service)
    rollback(service, bob, 1)
    assert how(settled(fake, service))[:3] == ("Healthy", 1, {1: 100})


def test_rollback_to_the_wanted_revision_starts_a_stopped_service(bob, fake, service):
    lifecycle.stop(service, bob)
    settled(fake, service)
    rollback(service, bob, 2)
    assert how(settled(fake, service))[:3] == ("Healthy", 2, {2: 100})


def test_rollback_event_has_both_revisions(bob, service):
    from studio.activity.models import Event

    rollback(service, bob)
    event = Event.objects.get(action="service.rolled_back")
    assert (event.actor, event.details) == (bob, {"revision": 1, "before": 2})


def test_rollback_to_a_collected_revision_is_rejected_with_the_next_step(bob, service):
    BuiltBundle.objects.all().delete()
    with pytest.raises(RevisionNotBuilt) as refused:
        rollback(service, bob)
    assert "slipway service update iris -m iris:1" in refused.value.hint
    service.refresh_from_db()
    assert service.wanted_revision == 2


def test_rollback_to_an_unknown_revision_is_not_found(bob, service):
    with pytest.raises(NotFound, match="no revision 9 of 'iris'"):
        rollback(service, bob, 9)


def test_rollback_of_a_single_revision_is_rejected(bob, fake, update):
    with pytest.raises(NothingToRollBackTo):
        rollback(settled(fake, update()), bob)


def test_rollback_of_a_deleted_or_changed_service_is_rejected(bob, service):
    Service.objects.update(generation=service.generation + 1)
    with pytest.raises(ChangedMeanwhile):
        rollback(service, bob)
    Service.objects.update(desired=Desired.DELETED)
    with pytest.raises(BeingDeleted):
        rollback(find(service.workspace, "iris"), bob)


def test_versions_of_the_restored_revision_count_as_serving(workspace, bob, iris, fake):
    service = deploy(workspace, bob, iris, target=fake.target)
    keep_bundle(service)
    newer = make_version(workspace)
    service = deploy(workspace, bob, newer, target=fake.target, overwrite=True)
    assert dict(VersionUse.objects.values_list("version", "serving")) == {iris.pk: False, newer.pk: True}
    rollback(find(workspace, service.name), bob, 1)
    assert dict(VersionUse.objects.values_list("version", "serving")) == {iris.pk: True, newer.pk: False}
