"""The audit trail: visible to members of its workspace only, filtered by person and action."""

import csv
import re
from datetime import timedelta

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
    assert '<span title="member.removed">removed the member </span>' in page
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
    assert "removed the member" in page
    assert "created the workspace" not in page


@pytest.mark.parametrize("where", ["", "recent/?subject_type=service"])
def test_a_changed_state_is_shown_with_its_old_and_new_value(sign_in, carol, workspace, where):
    service = serve(workspace, make_version(workspace, "iris"))
    states = {"from": "Healthy", "to": "Failed"}
    record(STATE_CHANGED, service, workspace=workspace, cause=None, **states)
    address = f"/w/vision/activity/{where}" + (f"&subject_id={service.pk}" if where else "")
    page = " ".join(sign_in(carol).get(address).text.split())
    assert re.search(r"found (<[^>]*>)*\s*shop(<[^>]*>)* ?Failed \(was Healthy\)", page)


def test_a_day_range_holds_its_first_and_its_last_day(sign_in, carol, trail):
    for age, event in zip((3, 2), Event.objects.order_by("id"), strict=False):
        Event.objects.filter(pk=event.pk).update(at=event.at - timedelta(days=age))
    days = [str(event.at.date()) for event in Event.objects.filter(workspace__slug="vision").order_by("id")]

    def found(**given):
        return [event.action for event in sign_in(carol).get("/w/vision/activity/", given).context["page"]]

    assert found(since=days[0], until=days[0]) == ["member.removed"]
    assert found(since=days[1]) == ["workspace.created"]
    assert found(since=days[0], until=days[1]) == ["workspace.created", "member.removed"]


def test_csv_has_the_events_of_the_filter_and_no_formula(sign_in, carol, bob, workspace, trail):
    record(WORKSPACE_CREATED, workspace, workspace=workspace, actor=bob, reason="=1+1")
    answer = sign_in(carol).get("/w/vision/activity/export.csv?person=bob")

    rows = list(csv.DictReader(b"".join(answer.streaming_content).decode().splitlines()))
    assert [(row["who"], row["what"], row["why"]) for row in rows] == [
        ("bob", "created the workspace vision", "'=1+1"),
        ("bob", f"removed the member {carol.memberships.get()}", "first try"),
    ]


def test_csv_of_an_unreadable_filter_is_refused(sign_in, carol, trail):
    answer = sign_in(carol).get("/w/vision/activity/export.csv?since=yesterday")

    assert answer.status_code == 400
    assert "Dates are written as" in answer.text
