"""The catalogue of jobs: what is registered, what a worker does with a job, and the list of running work."""

import pytest

from registry.models import Inspection
from studio.core import job_catalogue
from studio.core.enqueue import create_job
from studio.core.job_catalogue import job, kinds, register_runner, running_work
from studio.core.job_heartbeat import LeaseLost
from studio.core.job_runner import run_job
from studio.core.jobs import MAX_ATTEMPTS, JobState
from tests.core.jobs import a_job

pytestmark = pytest.mark.django_db


@pytest.fixture
def run_with(monkeypatch):
    """`run_with(f)` has inspections run by `f`; what it was called with."""
    monkeypatch.setattr(job_catalogue, "_runners", {})
    return lambda run, **more: register_runner(Inspection, run, **more)


@pytest.fixture
def row(workspace, bob):
    return a_job(workspace, bob)


def state_of(row):
    row.refresh_from_db()
    return (row.state, row.attempt)


def test_a_job_is_claimed_run_and_closed_by_its_runner(run_with, row):
    run_with(lambda job, heartbeat: job.end(JobState.SUCCEEDED))
    run_job("inspection", row.pk)
    assert state_of(row) == (JobState.SUCCEEDED, 1)


def test_leased_or_deleted_job_is_skipped(run_with, row):
    run_with(lambda *_: pytest.fail("it was run"))
    assert row.claim()
    run_job("inspection", row.pk)
    run_job("inspection", row.pk + 1000)
    assert state_of(row) == (JobState.RUNNING, 1)


def test_runner_that_lost_its_lease_writes_nothing(run_with, row):
    def lose(job, heartbeat):
        Inspection.objects.update(attempt=7)
        heartbeat.step("too late", 0.5)

    run_with(lose)
    run_job("inspection", row.pk)
    assert state_of(row) == (JobState.RUNNING, 7)


def test_giving_up_and_its_follow_up_are_one_transaction(run_with, row):
    def crash(job):
        raise LeaseLost

    Inspection.objects.update(attempt=MAX_ATTEMPTS)
    run_with(lambda *_: None, on_give_up=crash)
    with pytest.raises(LeaseLost):
        run_job("inspection", row.pk)
    assert state_of(row) == (JobState.QUEUED, MAX_ATTEMPTS)

    given_up = []
    run_with(lambda *_: None, on_give_up=lambda job: given_up.append(job.error["code"]))
    run_job("inspection", row.pk)
    assert (state_of(row), given_up) == ((JobState.FAILED, MAX_ATTEMPTS), ["worker_lost"])


def test_every_kind_has_a_runner_and_a_queue_that_workers_consume():
    queues = {kind.name: kind.queue for kind in kinds()}
    assert queues == {
        "inspection": "heavy",
        "build": "builds",
        "collection": "heavy",
        "event_delivery": "quick",
        "target_check": "heavy",
        "scrub": "heavy",
        "package": "builds",
        "conversion": "long",
        "edge_export": "builds",
        "profile": "long",
    }
    assert all(job_catalogue.runner_of(kind.name) for kind in kinds())


def test_two_kinds_of_one_name_are_refused():
    with pytest.raises(ValueError, match="'inspection'"):
        job("inspection", queue="heavy")(Inspection)


def test_running_work_is_listed_in_its_workspace_until_it_ends(workspace, elsewhere, row):
    assert running_work(elsewhere, 5) == []
    second = create_job(Inspection, version=row.version)
    assert running_work(workspace, 5) == [row, second]
    assert running_work(workspace, 1) == [row]
    assert row.claim()
    assert row.end(JobState.SUCCEEDED)
    assert [job.title for job in running_work(workspace, 5)] == ["Inspecting iris:1"]
    assert second.get_absolute_url() == "/w/vision/models/iris/1/"
