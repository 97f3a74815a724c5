"""Slipway's steps folded under the action that led to them."""

from datetime import UTC, datetime, timedelta

from studio.activity.models import Event
from studio.activity.operations import fold

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def event(minute, actor, subject="iris", *, actor_id=None):
    known = 1 if actor_id is None and actor != "Slipway" else actor_id
    return Event(
        at=NOON + timedelta(minutes=minute),
        actor_name=actor,
        actor_id=known,
        subject_type="service",
        subject_id=subject,
    )


def folded(*oldest_first):
    """(minute, actor, minutes of the steps) of each operation, newest first."""

    def minute(each):
        return (each.at - NOON) // timedelta(minutes=1)

    operations = fold(oldest_first[::-1])
    return [(minute(one.event), one.event.actor_name, [minute(step) for step in one.steps]) for one in operations]


def test_steps_of_a_deployment_are_folded_under_it():
    assert folded(event(0, "alice"), event(1, "Slipway"), event(2, "Slipway")) == [(0, "alice", [1, 2])]


def test_steps_belong_to_the_operation_of_their_own_subject():
    events = [event(0, "alice"), event(1, "bob", "wine"), event(2, "Slipway"), event(3, "Slipway", "wine")]

    assert folded(*events) == [(1, "bob", [3]), (0, "alice", [2])]


def test_steps_follow_the_latest_action():
    events = [event(0, "alice"), event(1, "Slipway"), event(2, "bob"), event(3, "Slipway")]

    assert folded(*events) == [(2, "bob", [3]), (0, "alice", [1])]


def test_what_happens_later_by_itself_stands_alone():
    events = [event(0, "alice"), event(9, "Slipway"), event(18, "Slipway"), event(29, "Slipway"), event(30, "Slipway")]

    assert folded(*events) == [(30, "Slipway", []), (29, "Slipway", []), (0, "alice", [9, 18])]


def test_events_without_an_action_before_them_stand_alone():
    assert folded(event(0, "Slipway")) == [(0, "Slipway", [])]


def test_an_action_of_a_deleted_person_is_no_step():
    assert folded(event(0, "alice"), event(1, "bob", actor_id=0)) == [(1, "bob", []), (0, "alice", [])]
