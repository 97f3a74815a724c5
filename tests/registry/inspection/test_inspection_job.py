"""Looking inside as a job: workers that die, come late or come twice."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registry import tasks
from registry.inspection import inspections
from registry.inspection.result import Finding
from registry.models import Inspection, VersionState
from registry.store import artifacts
from studio.activity.models import Event
from studio.core.jobs import MAX_ATTEMPTS, JobState
from tests.registry.factories import onnx_bytes

pytestmark = pytest.mark.django_db


def test_inspecting_twice_is_harmless(inspected):
    version = inspected({"model.onnx": onnx_bytes()})
    tasks.inspect_version(version.inspections.get().pk)
    assert Event.objects.filter(action="version.ready").count() == 1


def test_an_inspection_of_a_deleted_version_is_let_go():
    tasks.inspect_version(4711)


def test_a_worker_that_died_is_followed_by_another(registered):
    job = registered({"model.onnx": onnx_bytes()}).inspections.get()
    assert job.claim(60)
    assert not inspections.due().exists()
    Inspection.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert inspections.due().get() == job
    inspections.inspect(job.pk)
    job.refresh_from_db()
    assert (job.state, job.attempt, job.version.state) == (JobState.SUCCEEDED, 2, VersionState.READY)


def test_an_inspection_whose_worker_is_killed_does_not_wait_for_the_longest_one_possible(registered, monkeypatch):
    version = registered({"model.onnx": onnx_bytes()})
    leases = []

    def look(*_):
        leases.append(version.inspections.get().lease_until - timezone.now())
        return Finding(framework="onnx")

    monkeypatch.setattr(inspections, "_look", look)
    inspections.inspect(version.inspections.get().pk)
    assert leases[0] <= timedelta(seconds=30)


def test_what_a_killed_attempt_left_behind_goes_with_the_next_one(registered):
    job = registered({"model.onnx": onnx_bytes()}).inspections.get()
    for left in (f"inspect-{job.pk}-1", f"inspect-{job.pk}0-1"):
        (artifacts.incoming() / left / "files").mkdir(parents=True)
    inspections.inspect(job.pk)
    assert [path.name for path in artifacts.incoming().glob("inspect-*")] == [f"inspect-{job.pk}0-1"]


def test_an_inspection_is_written_down_in_two_steps(registered):
    job = registered({f"file-{n}.txt": b"words" for n in range(20)} | {"model.onnx": onnx_bytes()}).inspections.get()
    with CaptureQueriesContext(connection) as seen:
        inspections.inspect(job.pk)
    changes = [query["sql"] for query in seen if query["sql"].startswith(("UPDATE", "INSERT", "DELETE"))]
    assert [sql.split()[1].strip('"') for sql in changes] == [
        *("registry_inspection", "registry_inspection", "registry_modelversion"),
        "INTO",  # the event
    ]


def test_a_worker_that_lost_its_lease_says_nothing(registered, monkeypatch):
    version = registered({"model.onnx": onnx_bytes()})
    job = version.inspections.get()

    def taken_over(*_):
        Inspection.objects.update(attempt=7)
        return Finding(framework="onnx")

    monkeypatch.setattr(inspections, "_look", taken_over)
    inspections.inspect(job.pk)
    version.refresh_from_db()
    assert version.state == VersionState.UPLOADED
    assert not Event.objects.filter(action="version.ready").exists()


def test_when_workers_die_again_and_again_the_version_is_rejected(registered):
    version = registered({"model.onnx": onnx_bytes()})
    Inspection.objects.update(attempt=MAX_ATTEMPTS)
    tasks.inspect_version(version.inspections.get().pk)
    version.refresh_from_db()
    assert version.state == VersionState.REJECTED
    assert version.rejection["code"] == "worker_lost"


def test_a_version_whose_given_up_inspection_was_never_told_is_found(registered):
    version = registered({"model.onnx": onnx_bytes()})
    Inspection.objects.update(state=JobState.FAILED)
    assert inspections.due().get() == version.inspections.get()
    inspections.inspect(version.inspections.get().pk)
    version.refresh_from_db()
    assert version.state == VersionState.REJECTED
    assert not inspections.due().exists()


def test_the_tick_rings_for_due_inspections(registered, rings, django_capture_on_commit_callbacks):
    job = registered({"model.onnx": onnx_bytes()}).inspections.get()
    Inspection.objects.update(rung_at=timezone.now() - timedelta(seconds=61))
    with django_capture_on_commit_callbacks(execute=True):
        tasks.ring_due_inspections()
    assert rings == [("registry.tasks.inspect_version", (job.pk,))]
