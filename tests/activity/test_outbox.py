"""The outbox: every consumer gets every event at least once, in order for each subject, also after crashes."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import transaction

from studio.activity import outbox
from studio.activity.models import RETRY_SECONDS, Event, OutboxEntry
from studio.activity.recording import record
from studio.core.job_runner import run_job
from studio.core.jobs import JobState
from studio.people.events import MEMBER_REMOVED, WORKSPACE_CREATED

pytestmark = pytest.mark.django_db
SUCCEEDED, QUEUED, RUNNING, FAILED = JobState.SUCCEEDED, JobState.QUEUED, JobState.RUNNING, JobState.FAILED


class Killed(BaseException):
    """Ends a worker in the middle of its work: nothing of it runs any more."""


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(datetime(2026, 1, 5, 12, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def consumers(monkeypatch):
    """Registered for the test alone."""
    registered = {}
    monkeypatch.setattr(outbox, "_consumers", registered)
    return registered


@pytest.fixture
def received(consumers):
    """`(event id, attempt)` of everything that the consumer `ledger` was given."""
    calls = []
    outbox.consumer("ledger")(lambda event, attempt: calls.append((event.pk, attempt)))
    return calls


@pytest.fixture
def happen(workspace):
    """An event about the workspace."""
    return lambda: record(WORKSPACE_CREATED, workspace, workspace=workspace)


def work():
    """What workers do with all that is due now; how many of them were killed."""
    killed = 0
    for pk in list(OutboxEntry.objects.due().order_by("pk").values_list("pk", flat=True)):
        try:
            run_job("event_delivery", pk)
        except Killed:
            killed += 1
    return killed


def states():
    return list(OutboxEntry.objects.order_by("pk").values_list("state", "attempt"))


def test_events_without_consumers_have_no_entries(consumers, happen):
    happen()
    assert not OutboxEntry.objects.exists()


def test_two_consumers_of_one_name_are_refused(received):
    with pytest.raises(ValueError, match="'ledger'"):
        outbox.consumer("ledger")(print)


def test_an_event_and_its_entries_are_written_together_or_not_at_all(received, happen):
    with transaction.atomic():
        happen()
        assert OutboxEntry.objects.count() == 1
        transaction.set_rollback(True)
    assert not Event.objects.exists()
    assert not OutboxEntry.objects.exists()


def test_an_event_is_delivered_once_to_each_consumer(received, consumers, happen):
    others = []
    outbox.consumer("mail")(lambda event, attempt: others.append(event.action))
    event = happen()
    work()
    work()
    assert (received, others) == ([(event.pk, 1)], ["workspace.created"])
    assert states() == [(SUCCEEDED, 1)] * 2


def test_a_failed_delivery_is_repeated_after_a_pause_that_grows(consumers, happen, clock):
    tries = []
    outbox.consumer("ledger")(lambda event, attempt: tries.append(attempt) or 1 / 0)
    happen()
    for pause in RETRY_SECONDS[:3]:
        work()
        assert OutboxEntry.objects.get().error["message"] == "division by zero"
        clock.shift(timedelta(seconds=pause - 1))
        assert work() == 0
        clock.shift(timedelta(seconds=1))
    assert tries == [1, 2, 3]


def test_undeliverable_event_fails_after_a_day_and_the_next_follows(consumers, happen, clock):
    received = []

    def refuse_the_first(event, attempt):
        if event.pk == first.pk:
            raise RuntimeError("no such receiver")
        received.append(event.pk)

    outbox.consumer("ledger")(refuse_the_first)
    first, second = happen(), happen()
    for pause in (*RETRY_SECONDS, 0):
        work()
        assert received == []
        clock.shift(timedelta(seconds=pause))
    work()
    assert states() == [(FAILED, len(RETRY_SECONDS) + 1), (SUCCEEDED, 1)]
    assert received == [second.pk]


def test_delivery_that_kills_its_workers_fails_and_the_next_follows(
    consumers, happen, clock, enqueued, django_capture_on_commit_callbacks
):
    def kill(event, attempt):
        raise Killed

    outbox.consumer("ledger")(kill)
    happen(), happen()
    for _ in range(OutboxEntry.max_attempts):
        assert work() == 1
        clock.shift(timedelta(seconds=31))
    with django_capture_on_commit_callbacks(execute=True):
        work()
    assert states() == [(FAILED, OutboxEntry.max_attempts), (QUEUED, 0)]
    assert ("event_delivery", OutboxEntry.objects.last().pk) in enqueued


def test_a_failure_holds_back_its_own_subject_only(consumers, workspace, bob, happen):
    received = []

    def refuse_workspaces(event, attempt):
        if event.subject_type == "workspace":
            raise RuntimeError
        received.append(event.action)

    outbox.consumer("ledger")(refuse_workspaces)
    happen(), happen()
    record(MEMBER_REMOVED, bob.memberships.get(), workspace=workspace)
    work()
    work()
    assert received == ["member.removed"]
    assert states() == [(QUEUED, 1), (QUEUED, 0), (SUCCEEDED, 1)]


def test_the_next_event_of_a_subject_is_enqueued_as_soon_as_its_predecessor_is_delivered(
    received, happen, enqueued, django_capture_on_commit_callbacks
):
    happen(), happen()
    first, second = OutboxEntry.objects.order_by("pk")
    with django_capture_on_commit_callbacks(execute=True):
        run_job("event_delivery", second.pk)  # its message came too early
        assert received == []
        run_job("event_delivery", first.pk)
    assert ("event_delivery", second.pk) in enqueued


def test_worker_that_lost_its_lease_does_not_change_the_entry(consumers, happen):
    def overtaken(event, attempt):
        OutboxEntry.objects.update(attempt=7)
        if event.pk == first.pk:
            raise RuntimeError

    outbox.consumer("ledger")(overtaken)
    first = happen()
    work()
    assert states() == [(RUNNING, 7)]


def test_entries_of_an_unregistered_consumer_fail_at_once(received, consumers, happen):
    happen()
    consumers.clear()
    work()
    assert OutboxEntry.objects.get().error["code"] == "consumer_gone"


@pytest.mark.parametrize("seed", range(3))
def test_events_are_neither_lost_nor_reordered_under_random_failures(consumers, workspace, bob, carol, clock, seed):
    chance = random.Random(seed)
    received = []

    def consume(event, attempt):
        if chance.random() < 0.2:
            raise Killed  # before it did anything
        if chance.random() < 0.2:
            raise RuntimeError
        received.append(event)
        if chance.random() < 0.2:
            raise Killed  # between its work and the row

    outbox.consumer("ledger")(consume)
    subjects = [bob.memberships.get(), carol.memberships.get()]
    events = [record(MEMBER_REMOVED, chance.choice(subjects), workspace=workspace) for _ in range(12)]
    rounds = 0
    while OutboxEntry.objects.unfinished().exists():
        work()
        clock.shift(timedelta(seconds=RETRY_SECONDS[-1]))
        rounds += 1
        assert rounds < 200
    first_arrivals = list(dict.fromkeys(event.pk for event in received))
    for subject in subjects:
        mine = [event.pk for event in events if event.subject_id == str(subject.pk)]
        assert [pk for pk in first_arrivals if pk in mine] == mine
    assert set(Counter(states())) <= {(SUCCEEDED, attempt) for attempt in range(1, OutboxEntry.max_attempts + 1)}
