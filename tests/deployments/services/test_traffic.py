"""Several revisions of a service at once: shares, copies, promotion, abort, and what is refused."""

import pytest

from deployments.control import advance
from deployments.errors import (
    BadTraffic,
    HostTaken,
    IsDefault,
    LabelTaken,
    OperationUnderWay,
    RevisionHasFailed,
)
from deployments.models import BuiltBundle, Instance, Phase, Service
from deployments.services import lifecycle, traffic
from deployments.services.rollback import rollback
from deployments.services.traffic import TrafficRequest, change_traffic, describe_traffic
from deployments.traffic.shares import ALL, Share, shares_of
from studio.activity.models import Event
from studio.core.errors import NotFound
from tests.deployments.service_factories import actions, deploy, observation_of

pytestmark = pytest.mark.django_db


def change(service, actor, percents, mirrors=None, **more):
    service.refresh_from_db()
    change_traffic(
        Service.objects.get(pk=service.pk), actor, TrafficRequest(percents=percents, mirrors=mirrors or {}, **more)
    )


def running(service) -> set[int]:
    return set(Instance.objects.filter(service=service, desired="running").values_list("revision__number", flat=True))


@pytest.fixture
def both(workspace, bob, iris, fake, service):
    """Revision 1 answers; revision 2 runs beside it with 0 %."""
    fake.visit(service, 5)
    deploy(workspace, bob, iris, overwrite=True, target=fake.target, traffic=0, label="blue")
    return fake.visit(service, 5)


def test_revision_deployed_with_a_share_runs_beside_the_one_that_answers(both):
    assert (both.phase, both.wanted_revision, both.default_revision) == (Phase.HEALTHY, 1, 1)
    assert shares_of(both) == {1: ALL, 2: Share(0)}
    assert {one.revision.number: one.serving for one in both.instances.all()} == {1: True, 2: False}
    shown = describe_traffic(both)["revisions"]
    assert [(row["revision"], row["label"], row["state"]) for row in shown] == [
        (1, "", "Healthy"),
        (2, "blue", "Healthy"),
    ]


def test_settled_service_is_not_looked_at_again(both):
    assert both.due_at is None


def test_shares_change_without_touching_what_runs(fake, bob, both):
    change(both, bob, {1: 90, 2: 10}, sticky={"header": "X-User"})
    fake.visit(both, 3)
    assert shares_of(both) == {1: Share(90), 2: Share(10)}
    assert (both.sticky, both.phase) == ({"header": "x-user"}, Phase.HEALTHY)
    assert all(observation_of(both, number).restarts == 0 for number in (1, 2))
    event = Event.objects.filter(action="service.traffic_changed").latest("id")
    assert (event.actor, event.details) == (bob, {"before": "1 = 100 %, 2 = 0 %", "after": "1 = 90 %, 2 = 10 %"})


def test_shares_of_many_revisions_take_as_many_queries_as_those_of_two(
    workspace, fake, bob, iris, both, django_assert_max_num_queries
):
    def ask(numbers) -> int:
        with django_assert_max_num_queries(200) as asked:
            change(both, bob, dict.fromkeys(numbers, 5))
        return len([one for one in asked if one["sql"].startswith("SELECT")])

    two = ask([2])
    for _ in range(3):
        deploy(workspace, bob, iris, overwrite=True, target=fake.target, traffic=0)
    fake.visit(both, 5)
    change(both, bob, dict.fromkeys(range(2, 6), 1))
    assert ask(range(2, 6)) <= two + 3  # which look for the row of each share that is written


def test_promoted_revision_answers_alone(fake, bob, both):
    traffic.promote(both, bob, 2)
    fake.visit(both, 8)
    assert (both.default_revision, both.wanted_revision, both.phase) == (2, 2, Phase.HEALTHY)
    assert (shares_of(both), running(both)) == ({2: ALL}, {2})


def test_abort_leaves_the_default_revision(fake, bob, both):
    change(both, bob, {2: 50})
    traffic.abort(Service.objects.get(pk=both.pk), bob)
    fake.visit(both, 8)
    assert (shares_of(both), running(both)) == ({1: ALL}, {1})


def test_rollback_after_a_promotion_goes_to_the_revision_before(fake, bob, both):
    traffic.promote(both, bob, 2)
    fake.visit(both, 8)
    BuiltBundle.objects.create(place="one", content_hash=both.revisions.get(number=1).content_hash)
    rollback(both, bob)
    fake.visit(both, 12)
    assert (both.default_revision, shares_of(both), running(both)) == (1, {1: ALL}, {1})


def test_update_takes_over_from_all_revisions_once_proven(workspace, fake, bob, iris, both):
    change(both, bob, {2: 10})
    deploy(workspace, bob, iris, overwrite=True, target=fake.target)
    advance.advance(both.pk)
    assert shares_of(both) == {1: Share(90), 2: Share(10)}
    fake.visit(both, 12)
    assert (shares_of(both), running(both)) == ({3: ALL}, {3})


def test_change_during_an_update_names_it(workspace, fake, bob, iris, both):
    deploy(workspace, bob, iris, overwrite=True, target=fake.target)
    with pytest.raises(OperationUnderWay, match="the update to revision 3 is under way"):
        change(both, bob, {2: 10})
    with pytest.raises(OperationUnderWay, match="the update to revision 3 is under way"):
        deploy(workspace, bob, iris, overwrite=True, target=fake.target, traffic=0)


def test_revision_that_has_failed_gets_no_share(workspace, fake, bob, iris, both):
    fake.world.behaving[3] = "failing"
    deploy(workspace, bob, iris, overwrite=True, target=fake.target, traffic=0)
    fake.visit(both, 12)
    assert both.phase == Phase.HEALTHY
    with pytest.raises(RevisionHasFailed, match="Revision 3 of 'iris' has failed and cannot get requests"):
        change(both, bob, {3: 10})


def test_the_default_revision_cannot_be_taken_out(bob, both):
    with pytest.raises(IsDefault):
        traffic.take_out(both, bob, 1)
    traffic.take_out(both, bob, 2)
    assert shares_of(both) == {1: ALL}


def test_revision_that_is_not_ready_cannot_be_the_default(workspace, fake, bob, iris, both):
    deploy(workspace, bob, iris, overwrite=True, target=fake.target, traffic=0)
    with pytest.raises(BadTraffic, match="Revision 3 is not ready"):
        change(both, bob, {3: 100}, default=3)


def test_shadow_of_itself_is_refused(bob, both):
    with pytest.raises(BadTraffic, match="its own shadow"):
        change(both, bob, {}, {1: 10})


def test_unknown_revision_is_refused(bob, both):
    with pytest.raises(NotFound):
        change(both, bob, {7: 10})


def test_label_names_one_revision(workspace, fake, bob, iris, both):
    with pytest.raises(LabelTaken, match="Revision 2 of 'iris' has the label 'blue' already"):
        deploy(workspace, bob, iris, overwrite=True, target=fake.target, label="blue")


def test_host_name_belongs_to_one_service(workspace, fake, bob, iris, both):
    change(both, bob, {}, hosts=["Iris.example.com"])
    other = deploy(workspace, bob, iris, name="other", target=fake.target)
    fake.visit(other, 5)
    with pytest.raises(HostTaken, match=r"iris\.example\.com belongs to another service"):
        change(other, bob, {}, hosts=["iris.example.com"])
    change(both, bob, {}, hosts=[])
    change(other, bob, {}, hosts=["iris.example.com"])
    assert actions(other).count("hosts_changed") == 1


def test_stopped_service_starts_all_its_revisions_again(fake, bob, both):
    lifecycle.stop(both, bob)
    fake.visit(both, 8)
    assert both.phase == Phase.STOPPED
    lifecycle.start(both, bob)
    fake.visit(both, 8)
    assert (both.phase, running(both)) == (Phase.HEALTHY, {1, 2})
