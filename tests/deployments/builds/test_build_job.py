"""A build as a job: cancelled, taken over, and resumed after its worker was killed."""

import contextlib
import sqlite3
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.builds import builds
from deployments.control.facts import facts_of
from deployments.models import Build
from registry.environments import environments
from studio.core import job_heartbeat
from studio.core.job_runner import run_job
from studio.core.jobs import MAX_ATTEMPTS
from tests.deployments.service_factories import actions, build_of, run_build
from tests.registry.worker_processes import ended, killed_halfway, workers

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("wheels")]


def test_queued_build_can_be_cancelled(scripted, bob):
    build = build_of(scripted)
    assert builds.cancel(build, bob)
    assert not builds.cancel(build, bob)
    run_job("build", build.pk)
    build.refresh_from_db()
    assert (build.state, build.error["code"], build.attempt) == ("cancelled", "build_cancelled", 0)
    assert actions(scripted)[-1] == "build_cancelled"


def test_cancelled_running_build_stops(scripted, bob, monkeypatch, settings):
    def cancelled_meanwhile(environment, log, cancelled):
        builds.cancel(build_of(scripted), bob)

    monkeypatch.setattr(environments, "install", cancelled_meanwhile)
    build = run_build(scripted)
    assert build.state == "cancelled"
    assert not (settings.DATA_DIR / "bundles").exists()
    assert not scripted.traffic.exists()
    assert "cancelled or taken over" in builds.log_path(build).read_text()


def test_worker_that_lost_its_lease_writes_nothing(scripted, monkeypatch):
    def overtaken(environment, log, cancelled):
        Build.objects.filter(revision__service=scripted).update(attempt=2)

    monkeypatch.setattr(environments, "install", overtaken)
    build = run_build(scripted)
    assert (build.state, build.attempt, build.step) == ("running", 2, "environment")
    assert not scripted.traffic.exists()


def test_second_attempt_resumes_after_a_lost_worker(scripted):
    build = build_of(scripted)
    build.claim(60)
    builds.log_path(build).parent.mkdir(parents=True)
    builds.log_path(build).write_text("half a line of the first worker\n")
    Build.objects.filter(pk=build.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    build = run_build(scripted)
    assert (build.state, build.attempt) == ("succeeded", 2)
    log = builds.log_path(build).read_text()
    assert log.startswith("half a line of the first worker\n")
    assert "attempt 2 goes on" in log


def test_build_that_kills_its_workers_fails_with_a_cause(scripted):
    Build.objects.update(attempt=MAX_ATTEMPTS)
    build = run_build(scripted)
    assert (build.state, build.error["code"], build.attempt) == ("failed", "worker_lost", MAX_ATTEMPTS)
    run_job("build", build.pk)
    assert actions(scripted) == ["deployed", "build_failed", "state_changed"]


@pytest.mark.django_db(transaction=True)
def test_lease_is_renewed_while_the_build_blocks(scripted, monkeypatch):
    monkeypatch.setattr(job_heartbeat, "BEAT_SECONDS", 0.05)
    build = build_of(scripted)
    build.claim(1)
    first = build.lease_until
    with job_heartbeat.Heartbeat(build) as beating:
        beating.step("environment", 0.1)
        deadline = time.monotonic() + 10
        while not beating.is_lost() and time.monotonic() < deadline:
            time.sleep(0.1)
            lease = Build.objects.get(pk=build.pk).lease_until
            if lease and lease > first + timedelta(seconds=5):
                builds.cancel(build)
    assert beating.is_lost()


@pytest.fixture
def worker(tmp_path, wheels):
    """`worker('build')` runs builds in a process with a data folder and database of its own."""
    with workers("tests.deployments.build_elsewhere", tmp_path / "shared", wheels) as start:
        yield start


def test_build_of_a_killed_worker_is_finished_by_another(worker, tmp_path):
    ended(worker("deploy"))
    with (
        killed_halfway(worker("hang")),
        contextlib.closing(sqlite3.connect(tmp_path / "shared" / "db.sqlite3", isolation_level=None)) as database,
    ):
        look = "SELECT state, attempt FROM deployments_build"
        assert database.execute(look).fetchall() == [("running", 1)]
        database.execute("UPDATE deployments_build SET lease_until = '2000-01-01 00:00:00'")
        ended(worker("build"))
        assert database.execute(look).fetchall() == [("succeeded", 2)]
    folders = (tmp_path / "shared" / "bundles").glob("[!.]*")
    assert [sorted(path.name for path in folder.iterdir()) for folder in folders] == [
        ["bundle.json", "models", "source"]
    ]


def test_queued_build_shows_its_position(scripted):
    first = build_of(scripted)
    second, third = (Build.objects.create(revision=first.revision) for _ in range(2))
    assert [facts_of(scripted).build.ahead, third.ahead()] == [2, 2]
    assert first.claim(60)
    builds.cancel(second)
    assert third.ahead() == 1
