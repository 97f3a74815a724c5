"""Leases and fencing: a job is worked on by one worker at a time, and a late worker cannot write."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from studio.core.jobs import MAX_ATTEMPTS, JobState
from tests.core.jobs import a_job

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
LEASE = 30  # seconds, as inspections have it


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def job(workspace, bob):
    return a_job(workspace, bob)


def again(job):
    """The same row as another worker reads it."""
    return type(job).objects.get(pk=job.pk)


def test_one_of_two_workers_gets_the_job(job):
    other = again(job)

    assert job.claim(LEASE)
    assert not other.claim(LEASE)
    assert (job.state, job.attempt) == (JobState.RUNNING, 1)


def test_running_job_is_due_again_when_its_lease_has_expired(clock, job):
    job.claim(LEASE)
    assert not type(job).objects.due().exists()

    clock.shift(timedelta(seconds=LEASE + 1))

    assert list(type(job).objects.due()) == [job]


def test_a_lease_from_before_the_clock_was_set_back_has_lapsed(clock, job):
    clock.shift(timedelta(hours=1))
    job.claim(LEASE)
    clock.shift(-timedelta(hours=1))

    assert list(type(job).objects.due()) == [job]
    assert again(job).claim(LEASE)


def test_a_message_from_before_the_clock_was_set_back_does_not_hold_the_next_one_up(clock, job):
    type(job).objects.update(enqueued_at=NOON + timedelta(hours=1))
    assert list(type(job).objects.not_enqueued_since(NOON)) == [job]


def test_report_renews_the_lease(clock, job):
    job.claim(LEASE)
    clock.shift(timedelta(seconds=LEASE - 1))
    assert job.report("half way", 0.5)
    clock.shift(timedelta(seconds=LEASE - 1))

    assert not again(job).claim(LEASE)
    assert (again(job).step, again(job).progress) == ("half way", 0.5)


def test_worker_that_lost_its_lease_writes_nothing(clock, job):
    job.claim(LEASE)
    clock.shift(timedelta(seconds=LEASE + 1))
    successor = again(job)
    assert successor.claim(LEASE)

    assert not job.report("late", 0.9)
    assert not job.end(JobState.FAILED, error={"code": "late"})
    assert successor.end(JobState.SUCCEEDED)
    assert again(job).state == JobState.SUCCEEDED
    assert again(job).error is None


def test_worker_of_a_cancelled_job_stops(job):
    job.claim(LEASE)
    type(job).objects.filter(pk=job.pk).update(state=JobState.CANCELLED)

    assert not job.report("on and on", 0.5)
    assert not job.end(JobState.SUCCEEDED)
    assert again(job).state == JobState.CANCELLED


def test_success_is_complete_and_releases_the_lease(clock, job):
    job.claim(LEASE)
    job.end(JobState.SUCCEEDED, step="done")

    kept = again(job)
    assert (kept.state, kept.progress, kept.step) == (JobState.SUCCEEDED, 1, "done")
    assert (kept.finished_at, kept.lease_until) == (NOON, None)
    assert kept.is_final
    assert not kept.claim(LEASE)


def test_job_fails_with_a_next_step_after_its_last_attempt(clock, job):
    for _ in range(MAX_ATTEMPTS):
        assert again(job).claim(LEASE)
        clock.shift(timedelta(seconds=LEASE + 1))

    assert not again(job).claim(LEASE)
    assert again(job).give_up()
    kept = again(job)
    assert kept.state == JobState.FAILED
    assert kept.error["code"] == "worker_lost"
    assert kept.error["hint"]


def test_last_attempt_can_succeed(clock, job):
    for _ in range(MAX_ATTEMPTS - 1):
        again(job).claim(LEASE)
        clock.shift(timedelta(seconds=LEASE + 1))
    last = again(job)

    assert last.claim(LEASE)
    assert last.end(JobState.SUCCEEDED)


def test_unfinished_jobs_are_the_queued_and_the_running(job, workspace, bob):
    assert list(type(job).objects.unfinished()) == [job]
    job.claim(LEASE)
    assert list(type(job).objects.unfinished()) == [job]
    job.end(JobState.FAILED)
    assert not type(job).objects.unfinished().exists()


@pytest.mark.parametrize("state", JobState)
def test_every_state_has_a_tone(state):
    assert state.tone in {"ok", "busy", "warn", "bad", "idle"}
