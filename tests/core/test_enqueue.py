"""Messages wake workers: their number is bounded, lost ones are replaced, and publishers do not wait for a broker."""

import logging
from datetime import timedelta

import pytest
from django.utils import timezone

from registry.models import Inspection
from studio.celery import app
from studio.core import enqueue, job_catalogue
from studio.core.job_runner import run_job
from studio.core.jobs import JobState
from studio.core.queues import HEAVY, QUEUES, processes
from studio.core.tasks import enqueue_due_jobs
from tests.registry.factories import make_version

send = enqueue._send  # before conftest.py's `enqueued` replaces it


@pytest.fixture(autouse=True)
def two_heavy_processes(monkeypatch):
    """At most four messages keep them busy."""
    monkeypatch.setenv("SLIPWAY_HEAVY_PROCESSES", "2")


@pytest.fixture
def waiting(workspace):
    """`waiting(8, enqueued=70)`: eight queued inspections, for which messages were sent 70 seconds ago."""

    def make(count, *, enqueued):
        version = make_version(workspace, "iris")
        moment = enqueued and timezone.now() - timedelta(seconds=enqueued)
        return Inspection.objects.bulk_create(Inspection(version=version, enqueued_at=moment) for _ in range(count))

    return make


@pytest.fixture
def tick(monkeypatch, enqueued, django_capture_on_commit_callbacks):
    """`tick(messages=3)` with so many messages in the heavy queue; the jobs that were enqueued."""

    def once(*, messages):
        monkeypatch.setattr(enqueue, "messages_waiting", lambda queues: messages if queues == [HEAVY] else 0)
        del enqueued[:]
        with django_capture_on_commit_callbacks(execute=True):
            enqueue_due_jobs()
        return list(enqueued)

    return once


def messages_of(rows):
    return [("inspection", row.pk) for row in rows]


def test_oldest_rows_are_enqueued_up_to_the_number_of_workers(waiting, tick):
    rows = waiting(160, enqueued=70)
    assert tick(messages=0) == messages_of(rows[:4])


@pytest.mark.parametrize(("messages", "added"), [(1, 3), (3, 1), (4, 0), (160, 0)])
def test_waiting_messages_count_towards_the_limit(waiting, tick, messages, added):
    waiting(160, enqueued=70)
    assert len(tick(messages=messages)) == added


def test_rows_with_a_waiting_message_are_not_enqueued_again(waiting, tick):
    waiting(3, enqueued=70)
    assert [len(tick(messages=1)) for _ in range(5)] == [3, 0, 0, 0, 0]


def test_lost_messages_of_an_empty_queue_are_sent_again_within_seconds(waiting, tick):
    rows = waiting(3, enqueued=6)
    assert tick(messages=1) == []
    assert tick(messages=0) == messages_of(rows)
    assert tick(messages=0) == []  # a worker has a moment to take them


def test_row_of_a_dead_worker_is_enqueued_when_its_lease_expires(waiting, tick):
    [job] = waiting(1, enqueued=1)
    assert job.claim()
    assert tick(messages=0) == []
    Inspection.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert tick(messages=1) == messages_of([job])


def test_one_of_two_concurrent_ticks_enqueues(waiting):
    [job] = waiting(1, enqueued=70)
    before = timezone.now() - timedelta(seconds=60)
    [same] = Inspection.objects.all()
    assert [job.mark_enqueued(before), same.mark_enqueued(before)] == [True, False]


def test_row_claimed_meanwhile_is_not_enqueued(waiting):
    [job] = waiting(1, enqueued=None)
    [seen_before] = Inspection.objects.all()
    assert job.claim()
    assert not seen_before.mark_enqueued(timezone.now())


def test_worker_enqueues_the_next_job_after_each(waiting, monkeypatch):
    done, lost = waiting(2, enqueued=10)
    runner = job_catalogue.Runner(lambda job, heartbeat: job.end(JobState.FAILED))
    monkeypatch.setitem(job_catalogue._runners, "inspection", runner)
    run_job("inspection", done.pk)
    assert Inspection.objects.get(pk=lost.pk).enqueued_at > timezone.now() - timedelta(seconds=5)


@pytest.mark.django_db
def test_a_job_of_an_unknown_kind_is_refused_at_once():
    with pytest.raises(KeyError, match="inspektion"):
        enqueue.enqueue_on_commit("inspektion", 7)


@pytest.mark.django_db
def test_each_kind_of_job_has_its_queue_and_old_messages_expire(monkeypatch, django_capture_on_commit_callbacks):
    sent = []
    monkeypatch.setattr(enqueue, "_send", send)
    monkeypatch.setattr(app, "send_task", lambda name, **options: sent.append((name, options)))
    with django_capture_on_commit_callbacks(execute=True):
        enqueue.enqueue_on_commit("build", 7)
        enqueue.enqueue_on_commit("inspection", 8)
    options = {"retry": False, "expires": 60}
    assert sent == [
        ("studio.core.tasks.run_job", {"args": ("build", 7), "queue": "builds", **options}),
        ("studio.core.tasks.run_job", {"args": ("inspection", 8), "queue": "heavy", **options}),
    ]


@pytest.mark.django_db
def test_task_can_be_delayed(monkeypatch, django_capture_on_commit_callbacks):
    sent = []
    monkeypatch.setattr(enqueue, "_send", send)
    monkeypatch.setattr(app, "send_task", lambda name, **options: sent.append((name, options["countdown"])))
    with django_capture_on_commit_callbacks(execute=True):
        enqueue.enqueue_task_in(0.2, "some.task", 7)
        assert sent == []
    assert sent == [("some.task", 0.2)]


@pytest.fixture
def nobody_sleeps(monkeypatch):
    def refuse(seconds):
        raise AssertionError(f"a publisher slept {seconds} s")

    monkeypatch.setattr("kombu.utils.functional.sleep", refuse)


def test_a_message_without_a_broker_is_logged_and_does_not_block(nobody_sleeps, monkeypatch, caplog, tmp_path):
    monkeypatch.setattr(app.conf, "broker_url", f"redis+socket://{tmp_path}/nobody.sock")
    monkeypatch.setattr(app.conf, "broker_write_url", f"redis+socket://{tmp_path}/nobody.sock")
    with caplog.at_level(logging.WARNING):
        send("deployments.tasks.reconcile", (7,))
    assert "the tick will pick up deployments.tasks.reconcile(7,)" in caplog.text


def test_each_queue_has_a_worker_and_inspections_run_two_at_a_time_where_there_are_cores(monkeypatch):
    monkeypatch.delenv("SLIPWAY_HEAVY_PROCESSES")
    monkeypatch.setattr("studio.core.queues._cores", lambda: 8)
    assert {queue: processes(queue) for queue in QUEUES} == {"quick": 1, "heavy": 2, "builds": 1, "long": 1}
    monkeypatch.setattr("studio.core.queues._cores", lambda: 1)
    assert processes(HEAVY) == 1
    monkeypatch.setenv("SLIPWAY_HEAVY_PROCESSES", "3")
    assert processes(HEAVY) == 3


def test_the_schedule_names_tasks_that_exist():
    scheduled = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert scheduled - set(app.tasks) == set()
