"""Inspection as a job: dead, late and duplicate workers."""

import shutil
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registry.inspection import inspections
from registry.inspection.result import Finding
from registry.models import Inspection, VersionState
from registry.store import artifacts
from registry.versions import registration
from studio.activity.models import Event
from studio.core.job_runner import run_job
from studio.core.jobs import MAX_ATTEMPTS, JobState
from tests.registry.factories import onnx_bytes

pytestmark = pytest.mark.django_db


def test_inspection_is_idempotent(inspected):
    version = inspected({"model.onnx": onnx_bytes()})
    run_job("inspection", version.inspections.get().pk)
    assert Event.objects.filter(action="version.accepted").count() == 1


def test_inspection_without_a_row_is_ignored():
    run_job("inspection", 4711)


def test_inspection_of_a_dead_worker_is_taken_over(registered):
    job = registered({"model.onnx": onnx_bytes()}).inspections.get()
    assert job.claim(60)
    assert not Inspection.objects.due().exists()
    Inspection.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert Inspection.objects.due().get() == job
    run_job("inspection", job.pk)
    job.refresh_from_db()
    assert (job.state, job.attempt, job.version.state) == (JobState.SUCCEEDED, 2, VersionState.READY)


def test_lease_of_an_inspection_is_short(registered, monkeypatch):
    version = registered({"model.onnx": onnx_bytes()})
    leases = []

    def run_program(*_):
        leases.append(version.inspections.get().lease_until - timezone.now())
        return Finding(framework="onnx")

    monkeypatch.setattr(inspections, "_run_program", run_program)
    run_job("inspection", version.inspections.get().pk)
    assert leases[0] <= timedelta(seconds=30)


def test_files_of_a_killed_attempt_are_removed_by_the_next(registered):
    job = registered({"model.onnx": onnx_bytes()}).inspections.get()
    room = artifacts.incoming() / "inspect-of-a-killed-worker"
    for left in (f"{job.pk}-1", f"{job.pk}0-1"):
        (room / left / "files").mkdir(parents=True)
    run_job("inspection", job.pk)
    assert [path.name for path in room.iterdir()] == [f"{job.pk}0-1"]
    shutil.rmtree(room)


def test_inspection_takes_five_writes(registered):
    job = registered({f"file-{n}.txt": b"words" for n in range(20)} | {"model.onnx": onnx_bytes()}).inspections.get()
    with CaptureQueriesContext(connection) as seen:
        run_job("inspection", job.pk)
    changes = [query["sql"] for query in seen if query["sql"].startswith(("UPDATE", "INSERT", "DELETE"))]
    assert [sql.split()[1].strip('"') for sql in changes] == [
        *("registry_inspection", "registry_inspection", "registry_modelversion"),
        *("INTO", "INTO"),  # the graph and the event
    ]


def test_worker_that_lost_its_lease_writes_nothing(registered, monkeypatch):
    version = registered({"model.onnx": onnx_bytes()})
    job = version.inspections.get()

    def taken_over(*_):
        Inspection.objects.update(attempt=7)
        return Finding(framework="onnx")

    monkeypatch.setattr(inspections, "_run_program", taken_over)
    run_job("inspection", job.pk)
    version.refresh_from_db()
    assert version.state == VersionState.UPLOADED
    assert not Event.objects.filter(action="version.accepted").exists()


def test_version_is_rejected_after_the_last_attempt(registered):
    version = registered({"model.onnx": onnx_bytes()})
    Inspection.objects.update(attempt=MAX_ATTEMPTS)
    run_job("inspection", version.inspections.get().pk)
    version.refresh_from_db()
    assert version.state == VersionState.REJECTED
    assert version.rejection["code"] == "worker_lost"
    assert Event.objects.filter(action="version.rejected").count() == 1


def test_inspection_of_damaged_bytes_makes_the_version_damaged(registered, rot):
    version = registered({"model.onnx": onnx_bytes(), "notes.txt": b"words"})
    rot(version.files.get(path="notes.txt").artifact)
    run_job("inspection", version.inspections.get().pk)
    version.refresh_from_db()
    assert (version.state, version.rejection["code"]) == (VersionState.DAMAGED, "file_damaged")
    assert version.inspections.get().state == JobState.SUCCEEDED
    assert Event.objects.get(action="version.damaged").details == {"files": ["notes.txt"]}
    assert version.files.get(path="notes.txt").artifact.is_damaged


def test_damaged_version_is_inspected_again_after_its_file_was_restored(registered, bob, rot):
    version = registered({"model.onnx": onnx_bytes()})
    rot(version.files.get().artifact)
    run_job("inspection", version.inspections.get().pk)
    rot(version.files.get().artifact, onnx_bytes())
    version.refresh_from_db()
    registration.inspect_again(version, bob)
    run_job("inspection", version.inspections.latest("pk").pk)
    version.refresh_from_db()
    assert version.state == VersionState.READY
    assert not version.files.get().artifact.is_damaged
