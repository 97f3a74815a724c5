"""`/services/<name>/scale` over REST: the number of replicas is changed in place."""

import pytest

from studio.activity.models import Event
from tests.deployments.service_factories import deploy, instance_of

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/workspaces/vision/services/iris/scale"


@pytest.fixture
def running(fake, service):
    return fake.visit(service, 4)


def scale(client, **figures):
    return client.post(ADDRESS, figures, format="json")


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def test_fixed_number_holds_at_once_without_a_new_revision(api, bob, carol, running):
    changed_at, number = instance_of(running).changed_at, running.last_revision
    answer = scale(api(bob), replicas=4, reason="a busy week")
    assert answer.status_code == 200
    assert answer.json() == api(carol).get(ADDRESS).json()
    assert answer.json()["replicas"] == [{"revision": 1, "replicas": 4}]
    assert (answer.json()["fixed"], answer.json()["overridden"], answer.json()["summary"]) == (True, True, "4 replicas")
    running.refresh_from_db()
    assert (instance_of(running).replicas, running.last_revision) == (4, number)
    assert instance_of(running).changed_at == changed_at
    event = Event.objects.get(action="service.scaling_changed")
    assert (event.actor, event.reason) == (bob, "a busy week")
    assert event.details == {"before": "1 replica", "after": "4 replicas"}


def test_bounds_make_it_scale_and_hold_at_once(api, bob, running):
    answer = scale(api(bob), min_replicas=2, max_replicas=6)
    assert answer.json()["summary"] == "2 to 6 replicas at 70 %"
    assert instance_of(running).replicas == 2
    assert scale(api(bob), min_replicas=3).json()["summary"] == "3 to 6 replicas at 70 %"
    assert scale(api(bob), replicas=1).json()["summary"] == "1 replica"
    assert instance_of(running).replicas == 1


def test_reset_gives_back_what_the_revision_says(api, bob, running):
    scale(api(bob), replicas=4)
    answer = scale(api(bob), reset=True)
    assert (answer.json()["overridden"], instance_of(running).replicas) == (False, 1)


def test_figures_hold_until_a_deployment_names_others(api, workspace, bob, iris, fake, running):
    scale(api(bob), replicas=4)
    again = {"overwrite": True, "target": fake.target}
    service = fake.visit(deploy(workspace, bob, iris, **again), 4)
    assert instance_of(service).replicas == 4
    service = fake.visit(deploy(workspace, bob, iris, **again, deployment_config={"max_replicas": 3}), 4)
    assert (service.scaling, instance_of(service).replicas) == ({}, 3)
    scale(api(bob), replicas=2)
    service = fake.visit(deploy(workspace, bob, iris, **again, deployment_config={"cpu": 2, "max_replicas": 3}), 4)
    assert instance_of(service).replicas == 2, "the same figures are sent along by who changes something else"


@pytest.mark.parametrize(
    ("figures", "field"),
    [
        ({}, "replicas"),
        ({"replicas": 2, "reset": True}, "replicas"),
        ({"replicas": 0}, "replicas"),
        ({"replicas": 2, "max_replicas": 3}, "replicas"),
        ({"min_replicas": 2}, "min_replicas"),
        ({"min_replicas": 5, "max_replicas": 3}, "min_replicas"),
        ({"idle_seconds": 60}, "idle_seconds"),
        ({"target_utilization": 101, "max_replicas": 3}, "target_utilization"),
    ],
)
def test_figures_that_do_not_fit_are_refused_by_name(api, bob, running, figures, field):
    answer = scale(api(bob), **figures)
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, field)
    assert instance_of(running).replicas == 1


def test_peak_during_an_update_is_met(api, workspace, bob, iris, fake, running):
    deploy(workspace, bob, iris, overwrite=True, target=fake.target)
    assert scale(api(bob), replicas=2).status_code == 200
    assert instance_of(running, 1).replicas == 2


def test_service_that_is_being_deleted_is_not_scaled(api, bob, running):
    api(bob).delete(ADDRESS.removesuffix("/scale"))
    assert code(scale(api(bob), replicas=2)) == (409, "service_being_deleted")


def test_viewers_look_and_do_not_scale(api, carol, running):
    assert api(carol).get(ADDRESS).status_code == 200
    assert scale(api(carol), replicas=2).status_code == 403
