"""The audit trail: seen by members only, filtered, never another workspace's."""

import pytest

from studio.activity.models import Event, record

pytestmark = pytest.mark.django_db


@pytest.fixture
def trail(workspace, elsewhere, bob, mallory):
    record("model.registered", bob, workspace=workspace, actor=bob, reason="first try")
    record("service.deployed", workspace, workspace=workspace, actor=None)
    record("model.registered", mallory, workspace=elsewhere, actor=mallory)


def test_members_see_their_own_workspace_only(sign_in, carol, trail):
    page = sign_in(carol).get("/w/vision/activity/").content.decode()
    assert "first try" in page
    assert "mallory" not in page


def test_the_list_is_filtered_by_person_and_action(sign_in, carol, trail):
    page = sign_in(carol).get("/w/vision/activity/?person=bob&action=model.").content.decode()
    assert "first try" in page
    assert "service.deployed" not in page


def test_rest_lists_newest_first(api, carol, trail):
    rows = api(carol, access="read").get("/api/v1/workspaces/vision/events").data["results"]
    assert [row["action"] for row in rows] == ["service.deployed", "model.registered"]


def test_the_name_outlives_the_person(bob, trail):
    bob.delete()
    assert Event.objects.get(reason="first try").actor_name == "bob"


def test_a_fragment_shows_one_objects_events(sign_in, carol, bob, trail):
    page = sign_in(carol).get(f"/w/vision/activity/recent/?subject_type=user&subject_id={bob.pk}").content.decode()
    assert "model.registered" in page
    assert "service.deployed" not in page


@pytest.mark.parametrize("where", ["", "recent/?subject_type=workspace"])
def test_a_changed_state_is_told_with_what_it_was_and_is(sign_in, carol, workspace, where):
    record("service.state_changed", workspace, workspace=workspace, **{"from": "Healthy", "to": "Failed"})
    address = f"/w/vision/activity/{where}" + (f"&subject_id={workspace.pk}" if where else "")
    assert "Healthy → Failed" in sign_in(carol).get(address).content.decode()
