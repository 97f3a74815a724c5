"""The scrub: what rots in the store is found, its versions are damaged, and the same bytes repair them."""

import errno
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from registry.models import Artifact, Inspection, ModelVersion, Scrub, VersionState
from registry.store import artifacts, scrub
from studio.activity.models import Event
from studio.core.job_runner import run_job
from studio.core.jobs import JobState
from tests.registry.factories import make_artifact, make_upload, make_version

pytestmark = pytest.mark.django_db


def path_of(artifact):
    return artifacts.local_path(artifact.digest)


def make_due(*, days=8):
    """As if nobody had read the store for a while."""
    Artifact.objects.update(checked_at=timezone.now() - timedelta(days=days))


def scrubbed():
    """A pass over all that is due."""
    job = Scrub.objects.create()
    run_job("scrub", job.pk)
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED
    return job


@pytest.fixture
def version(workspace, bob):
    made = make_version(workspace, "iris", user=bob, files={"a.bin": b"first", "b.bin": b"second"})
    make_due()
    return made


def artifact_of(version, path="a.bin"):
    return version.files.get(path=path).artifact


def test_whole_artifacts_are_read_once_a_week(version):
    done = scrubbed()
    assert (done.count, done.size, done.damaged) == (2, len(b"first") + len(b"second"), 0)
    assert scrubbed().count == 0
    make_due(days=6)
    assert scrubbed().count == 0
    version.refresh_from_db()
    assert version.state == VersionState.READY


@pytest.mark.parametrize("content", [b"FIRST", b"fir", b""], ids=["changed", "cut", "empty"])
def test_changed_bytes_make_their_versions_damaged(workspace, version, content, rot):
    other = make_version(workspace, "copy", files={"model/same.bin": b"first"})
    untouched = make_version(workspace, "else", files={"c.bin": b"third"})
    make_due()
    rot(artifact_of(version), content)
    assert scrubbed().damaged == 1
    for one, path in ((version, "a.bin"), (other, "model/same.bin")):
        one.refresh_from_db()
        assert (one.state, one.rejection["code"]) == (VersionState.DAMAGED, "file_damaged")
        assert path in one.rejection["message"]
        assert "Upload the same file again" in one.rejection["hint"]
        event = Event.objects.get(action="version.damaged", subject_id=str(one.pk))
        assert (event.actor, event.details) == (None, {"files": [path]})
    untouched.refresh_from_db()
    assert untouched.state == VersionState.READY


def test_lost_file_makes_its_version_damaged(version):
    path_of(artifact_of(version)).unlink()
    scrubbed()
    version.refresh_from_db()
    assert (version.state, version.rejection["code"]) == (VersionState.DAMAGED, "file_lost")


def test_disk_that_cannot_read_a_block_counts_as_damage(version, monkeypatch):
    def unreadable(_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(scrub, "_hash", unreadable)
    scrubbed()
    version.refresh_from_db()
    assert version.state == VersionState.DAMAGED


def test_damage_is_reported_once(version, rot):
    rot(artifact_of(version))
    scrubbed()
    make_due()
    assert scrubbed().damaged == 1
    assert Event.objects.filter(action="version.damaged").count() == 1


def test_same_bytes_uploaded_again_repair_every_version(workspace, version, bob, rot):
    other = make_version(workspace, "copy", files={"x.bin": b"first"})
    damaged = artifact_of(version)
    make_due()
    rot(damaged)
    scrubbed()
    make_upload(workspace, bob, "again.bin", b"first")
    assert path_of(damaged).read_bytes() == b"first"
    assert path_of(damaged).stat().st_mode & 0o222 == 0
    for one in (version, other):
        one.refresh_from_db()
        assert (one.state, one.rejection) == (VersionState.UPLOADED, None)
        run_job("inspection", Inspection.objects.get(version=one).pk)
        one.refresh_from_db()
        assert one.state == VersionState.READY
        assert Event.objects.filter(action="version.repaired", subject_id=str(one.pk)).count() == 1
    assert not Artifact.objects.exclude(damaged_at=None).exists()


def test_version_with_two_damaged_files_needs_both_again(workspace, version, bob, rot):
    for path in ("a.bin", "b.bin"):
        rot(artifact_of(version, path))
    scrubbed()
    make_upload(workspace, bob, "a.bin", b"first")
    version.refresh_from_db()
    assert version.state == VersionState.DAMAGED
    make_upload(workspace, bob, "b.bin", b"second")
    version.refresh_from_db()
    assert version.state == VersionState.UPLOADED


def test_bytes_restored_from_a_backup_are_found_by_the_next_inspection_or_scrub(workspace, version, rot):
    rot(artifact_of(version))
    scrubbed()
    rot(artifact_of(version), b"first")
    make_due()
    assert scrubbed().damaged == 0
    assert ModelVersion.objects.get(pk=version.pk).state == VersionState.UPLOADED


def test_pass_reads_a_bounded_number_of_bytes_and_at_least_one_artifact(settings):
    for content in (b"a" * 600, b"b" * 600, b"c" * 600):
        make_artifact(content)
    make_due()
    settings.SLIPWAY = {**settings.SLIPWAY, "SCRUB_BYTES": 1000}
    assert [scrubbed().count for _ in range(3)] == [2, 1, 0]
    settings.SLIPWAY = {**settings.SLIPWAY, "SCRUB_BYTES": 1}
    make_due()
    assert scrubbed().count == 1


def test_what_was_read_the_longest_ago_comes_first(settings):
    old, new = make_artifact(b"old"), make_artifact(b"new")
    for artifact, days in ((old, 30), (new, 10)):
        Artifact.objects.filter(pk=artifact.pk).update(checked_at=timezone.now() - timedelta(days=days))
    settings.SLIPWAY = {**settings.SLIPWAY, "SCRUB_BYTES": 1}
    scrubbed()
    assert list(scrub.due()) == [new]


def test_clock_asks_for_a_pass_only_when_there_is_something_to_read(version):
    Artifact.objects.update(checked_at=timezone.now())
    scrub.request_scrub()
    assert Scrub.objects.count() == 0
    make_due()
    scrub.request_scrub()
    scrub.request_scrub()
    assert Scrub.objects.count() == 1


def test_artifact_that_was_removed_meanwhile_is_not_damage(monkeypatch):
    artifact = make_artifact(b"unused")
    make_due()

    def remove(path, digest):
        path.unlink()
        Artifact.objects.filter(pk=artifact.pk).delete()
        return scrub.FileLost

    monkeypatch.setattr(scrub, "_fault_of", remove)
    scrubbed()
    assert not Event.objects.filter(action="version.damaged").exists()


def test_file_that_was_repaired_while_it_was_read_is_not_damage(version, monkeypatch, tmp_path, rot):
    path, hashed = rot(artifact_of(version)), scrub._hash

    def hash_and_repair(stored):
        digest = hashed(stored)
        (fresh := path.with_name("fresh")).write_bytes(b"first")
        fresh.replace(path)
        return digest

    monkeypatch.setattr(scrub, "_hash", hash_and_repair)
    scrubbed()
    version.refresh_from_db()
    assert version.state == VersionState.READY


def bundle_of_an_earlier_release(artifact, tmp_path) -> Path:
    link = artifacts.incoming().parent / "linked.bin"  # on the store's file system
    link.unlink(missing_ok=True)
    os.link(path_of(artifact), link)
    return link


def test_bundles_of_earlier_releases_lose_their_links_into_the_store(version, tmp_path):
    artifact = artifact_of(version)
    link = bundle_of_an_earlier_release(artifact, tmp_path)
    scrubbed()
    link.chmod(0o600)
    link.write_bytes(b"written by a script")
    assert path_of(artifact).read_bytes() == b"first"
    assert path_of(artifact).stat().st_mode & 0o777 == 0o440
    assert path_of(artifact).stat().st_nlink == 1
    assert link.read_bytes() == b"written by a script"
    link.unlink()


def test_link_stays_for_now_where_the_disk_is_full(version, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    artifact = artifact_of(version)
    link = bundle_of_an_earlier_release(artifact, tmp_path)
    monkeypatch.setattr(scrub, "clone", full)
    assert scrubbed().damaged == 0
    assert path_of(artifact).stat().st_nlink == 2
    assert [path.name for path in path_of(artifact).parent.iterdir() if path.name.startswith(artifact.digest)] == [
        artifact.digest
    ]
    link.unlink()
