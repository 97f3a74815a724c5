"""Rings for rows that wait: few messages however much waits, and none lost for long."""

from datetime import timedelta

import pytest
from django.utils import timezone

from registry import tasks
from registry.inspection import inspections
from registry.models import Inspection
from studio.core import enqueue
from studio.core.jobs import JobState
from studio.core.queues import HEAVY, QUEUES, processes
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def workers(monkeypatch):
    """Two processes inspect, so at most four messages are worth sending."""
    monkeypatch.setenv("SLIPWAY_HEAVY_PROCESSES", "2")


@pytest.fixture
def waiting(workspace):
    """`waiting(8, rung=70)`: eight queued inspections, of which workers were told 70 seconds ago."""

    def make(count, *, rung):
        version = make_version(workspace, "iris")
        moment = rung and timezone.now() - timedelta(seconds=rung)
        return Inspection.objects.bulk_create(Inspection(version=version, rung_at=moment) for _ in range(count))

    return make


@pytest.fixture
def tick(monkeypatch, rings, django_capture_on_commit_callbacks):
    """`tick(messages=3)` rings what is due while so many messages are in the queue; the ids that were rung."""

    def once(*, messages):
        monkeypatch.setattr(enqueue, "messages_waiting", lambda queues: messages if queues == [HEAVY] else 0)
        del rings[:]
        with django_capture_on_commit_callbacks(execute=True):
            tasks.ring_due_inspections()
        return [args[0] for _, args in rings]

    return once


def test_the_oldest_rows_are_rung_and_no_more_than_keep_the_workers_busy(waiting, tick):
    rows = waiting(160, rung=70)
    assert tick(messages=0) == [row.pk for row in rows[:4]]


@pytest.mark.parametrize(("messages", "rung"), [(1, 3), (3, 1), (4, 0), (160, 0)])
def test_messages_that_wait_already_count(waiting, tick, messages, rung):
    waiting(160, rung=70)
    assert len(tick(messages=messages)) == rung


def test_ticks_do_not_repeat_rings_that_still_wait_in_the_queue(waiting, tick):
    waiting(3, rung=70)
    assert [len(tick(messages=1)) for _ in range(5)] == [3, 0, 0, 0, 0]


def test_a_queue_without_messages_has_lost_them_and_is_filled_again_within_seconds(waiting, tick):
    rows = waiting(3, rung=6)
    assert tick(messages=1) == []
    assert tick(messages=0) == [row.pk for row in rows]
    assert tick(messages=0) == []  # a worker has a moment to take them


def test_a_row_whose_worker_died_is_rung_as_soon_as_its_lease_has_lapsed(waiting, tick):
    [job] = waiting(1, rung=1)
    assert job.claim(30)
    assert tick(messages=0) == []
    Inspection.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert tick(messages=1) == [job.pk]


def test_of_two_ticks_at_once_one_rings(waiting):
    [job] = waiting(1, rung=70)
    before = timezone.now() - timedelta(seconds=60)
    [same] = Inspection.objects.all()
    assert [job.take_ring(before), same.take_ring(before)] == [True, False]


def test_a_row_that_was_claimed_meanwhile_is_not_rung(waiting):
    [job] = waiting(1, rung=None)
    [seen_before] = Inspection.objects.all()
    assert job.claim(30)
    assert not seen_before.take_ring(timezone.now())


def test_a_worker_that_has_ended_one_inspection_rings_for_the_next(waiting, rings, monkeypatch):
    done, lost = waiting(2, rung=10)
    monkeypatch.setattr(
        inspections, "inspect", lambda pk: Inspection.objects.filter(pk=pk).update(state=JobState.FAILED)
    )
    tasks.inspect_version(done.pk)
    assert Inspection.objects.get(pk=lost.pk).rung_at > timezone.now() - timedelta(seconds=5)


def test_old_messages_are_dropped_unread(monkeypatch):
    sent = []
    monkeypatch.undo()
    monkeypatch.setattr(tasks.inspect_version, "apply_async", lambda **options: sent.append(options))
    enqueue._send(tasks.inspect_version, (7,))
    assert sent == [{"args": (7,), "retry": False, "expires": 60}]


def test_each_queue_has_a_worker_and_inspections_run_two_at_a_time_where_there_are_cores(monkeypatch):
    monkeypatch.delenv("SLIPWAY_HEAVY_PROCESSES")
    monkeypatch.setattr("studio.core.queues._cores", lambda: 8)
    assert {queue: processes(queue) for queue in QUEUES} == {"quick": 1, "heavy": 2, "builds": 1}
    monkeypatch.setattr("studio.core.queues._cores", lambda: 1)
    assert processes(HEAVY) == 1
    monkeypatch.setenv("SLIPWAY_HEAVY_PROCESSES", "3")
    assert processes(HEAVY) == 3
