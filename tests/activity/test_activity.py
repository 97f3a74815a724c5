"""The audit trail: visible to members of its workspace only, filtered by person and action."""

import pytest

from deployments.events import STATE_CHANGED
from studio.activity.models import Event
from studio.activity.recording import record
from studio.people.events import MEMBER_REMOVED, WORKSPACE_CREATED
from tests.registry.factories import make_version, serve

pytestmark = pytest.mark.django_db


@pytest.fixture
def trail(workspace, elsewhere, bob, carol, mallory):
    record(MEMBER_REMOVED, carol.memberships.get(), workspace=workspace, actor=bob, reason="first try")
    record(WORKSPACE_CREATED, workspace, workspace=workspace, actor=None)
    record(MEMBER_REMOVED, mallory.memberships.get(), workspace=elsewhere, actor=mallory)


def test_members_see_their_own_workspace_only(sign_in, carol, trail):
    page = sign_in(carol).get("/w/vision/activity/").text
    assert "first try" in page
    assert "mallory" not in page


def test_the_page_shows_titles_and_offers_them_as_filters(sign_in, carol, trail):
    page = sign_in(carol).get("/w/vision/activity/").text
    assert '<a href="?action=member.removed" title="member.removed">Member removed</a>' in page
    assert '<option value="service.deployed">Service deployed</option>' in page


def test_the_list_is_filtered_by_person_and_action(sign_in, carol, trail):
    found = sign_in(carol).get("/w/vision/activity/?person=bob&action=member.").context["page"]
    assert [event.action for event in found] == ["member.removed"]


def test_rest_lists_newest_first_with_names_and_titles(api, carol, trail):
    rows = api(carol, access="read").get("/api/v1/workspaces/vision/events").data["results"]
    assert [(row["action"], row["title"]) for row in rows] == [
        ("workspace.created", "Workspace created"),
        ("member.removed", "Member removed"),
    ]


def test_event_keeps_the_name_of_a_deleted_user(bob, trail):
    bob.delete()
    assert Event.objects.get(reason="first try").actor_name == "bob"


def test_fragment_shows_the_events_of_one_object(sign_in, carol, trail):
    membership = carol.memberships.get().pk
    page = sign_in(carol).get(f"/w/vision/activity/recent/?subject_type=membership&subject_id={membership}").text
    assert "Member removed" in page
    assert "Workspace created" not in page


@pytest.mark.parametrize("where", ["", "recent/?subject_type=service"])
def test_a_changed_state_is_shown_with_its_old_and_new_value(sign_in, carol, workspace, where):
    service = serve(workspace, make_version(workspace, "iris"))
    states = {"from": "Healthy", "to": "Failed"}
    record(STATE_CHANGED, service, workspace=workspace, cause=None, **states)
    address = f"/w/vision/activity/{where}" + (f"&subject_id={service.pk}" if where else "")
    assert "Healthy → Failed" in sign_in(carol).get(address).text
