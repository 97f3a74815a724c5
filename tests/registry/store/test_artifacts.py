"""Content-addressed files: stored once, completely or not at all."""

import errno
import hashlib
import io
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.files.storage import storages
from django.test import override_settings
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import DigestMismatch, SizeMismatch, StorageFull, UnsafePath
from registry.models import Artifact, VersionFile
from registry.store import artifacts, sweeping
from registry.store.materialise import materialise
from registry.store.paths import safe_path
from tests.registry.factories import make_artifact, make_upload, make_version

pytestmark = pytest.mark.django_db


def drafts():
    return [file.name for file in artifacts.incoming().iterdir() if file.suffix == ".draft"]


def test_stored_bytes_can_be_read():
    artifact = make_artifact(b"weights")
    with artifacts.open_artifact(artifact) as file:
        assert file.read() == b"weights"
    assert artifact.digest == hashlib.sha256(b"weights").hexdigest()
    assert artifact.size == 7
    assert drafts() == []


def test_equal_content_is_stored_once():
    first, second = make_artifact(b"twice"), make_artifact(b"twice")
    assert first == second
    assert Artifact.objects.filter(size=5).count() == 1
    assert os.stat(artifacts.local_path(first.digest)).st_nlink == 1


def test_stored_files_are_read_only():
    path = artifacts.local_path(make_artifact(b"fixed").digest)
    assert path.stat().st_mode & 0o222 == 0


@pytest.mark.parametrize("content", [b"short", b"much too long for that"])
def test_size_mismatch_stores_nothing(content):
    with pytest.raises(SizeMismatch):
        artifacts.store(io.BytesIO(content), expected_size=10)
    assert not Artifact.objects.filter(digest=hashlib.sha256(content).hexdigest()).exists()
    assert drafts() == []


def test_digest_mismatch_stores_nothing():
    with pytest.raises(DigestMismatch):
        artifacts.store(io.BytesIO(b"other bytes"), expected_digest="0" * 64)
    digest = hashlib.sha256(b"other bytes").hexdigest()
    assert not Artifact.objects.filter(pk=digest).exists()
    assert not artifacts.local_path(digest).exists()
    assert drafts() == []


def test_declared_digest_may_have_an_algorithm_prefix():
    digest = hashlib.sha256(b"named").hexdigest()
    assert artifacts.store(io.BytesIO(b"named"), expected_digest=f"sha256:{digest.upper()}").digest == digest


class DisconnectingClient:
    """A client that disconnects after its first piece."""

    def __init__(self):
        self.pieces = [b"first piece"]

    def read(self, size=-1):
        if self.pieces:
            return self.pieces.pop()
        raise ConnectionResetError("the client went away")


def test_interrupted_stream_stores_nothing():
    with pytest.raises(ConnectionResetError):
        artifacts.store(DisconnectingClient())
    assert drafts() == []


def test_full_disk_is_reported_and_nothing_is_stored(monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(artifacts.os, "fsync", full)
    with pytest.raises(StorageFull) as said:
        artifacts.store(io.BytesIO(b"no room for this"))
    assert said.value.status == 507
    assert "free space" in said.value.hint
    assert drafts() == []
    assert not artifacts.local_path(hashlib.sha256(b"no room for this").hexdigest()).exists()


@pytest.fixture
def remote_storage():
    """A storage without local paths, as S3 is."""
    memory = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    with override_settings(STORAGES={**settings.STORAGES, "artifacts": memory}):
        yield storages["artifacts"]


def test_storage_without_local_paths_works(remote_storage, tmp_path):
    artifact = make_artifact(b"far away")
    assert remote_storage.exists(artifacts.name_of(artifact.digest))
    materialise(VersionFile(path="here.bin", artifact=artifact), tmp_path)
    assert (tmp_path / "here.bin").read_bytes() == b"far away"
    assert make_artifact(b"far away") == artifact
    assert drafts() == []


def sweep_artifacts():
    """Remove unused artifacts; returns their number."""
    return sum(sweeping.remove_artifact(artifact.digest) for artifact in sweeping.unused())


def sweep_strays():
    return sum(sweeping.remove_stray(path) for path in list(sweeping.stray_files()))


def long_ago(artifact):
    Artifact.objects.filter(pk=artifact.pk).update(touched_at=timezone.now() - timedelta(days=3))


def test_unused_artifacts_are_removed_after_the_grace_period():
    artifact = make_artifact(b"nobody needs this")
    sweep_artifacts()
    assert Artifact.objects.filter(pk=artifact.pk).exists()
    long_ago(artifact)
    assert sweep_artifacts() == 1
    assert not Artifact.objects.filter(pk=artifact.pk).exists()
    assert not artifacts.local_path(artifact.digest).exists()


def test_artifacts_in_use_are_never_removed(workspace, bob):
    version = make_version(workspace, user=bob)
    upload = make_upload(workspace, bob, content=b"on its way")
    for artifact in (version.files.get().artifact, upload.artifact):
        long_ago(artifact)
    assert sweep_artifacts() == 0


def test_storing_old_bytes_again_saves_them_from_the_sweep():
    long_ago(make_artifact(b"again"))
    artifact = make_artifact(b"again")
    assert sweep_artifacts() == 0
    assert artifacts.local_path(artifact.digest).exists()


def test_lost_file_is_stored_again():
    artifact = make_artifact(b"lost and found")
    artifacts.local_path(artifact.digest).unlink()
    make_artifact(b"lost and found")
    with artifacts.open_artifact(artifact) as file:
        assert file.read() == b"lost and found"


def test_only_files_without_a_row_are_swept():
    kept, orphan = make_artifact(b"has a row"), make_artifact(b"crashed before the commit")
    Artifact.objects.filter(pk=orphan.pk).delete()
    old = time.time() - 3 * 86400
    for artifact in (kept, orphan):
        os.utime(artifacts.local_path(artifact.digest), (old, old))
        sweep_strays()
    assert artifacts.local_path(kept.digest).exists()
    assert not artifacts.local_path(orphan.digest).exists()


def test_abandoned_drafts_are_swept():
    draft = artifacts.incoming() / "forgotten.draft"
    draft.write_bytes(b"half")
    sweep_strays()
    assert draft.exists()
    os.utime(draft, (0, 0))
    assert sweep_strays() == 1
    assert not draft.exists()


def test_folders_of_dead_inspections_are_swept():
    folder = artifacts.incoming() / "inspect-abc"
    materialise(VersionFile(path="model.bin", artifact=make_artifact(b"laid out")), folder / "files")
    sweep_strays()
    assert folder.exists()
    os.utime(folder, (0, 0))
    sweep_strays()
    assert not folder.exists()


STORE_SLOWLY = """
import sys, time
import django
django.setup()
from registry.store import artifacts

class Slow:
    sent = 0
    def read(self, size=-1):
        self.sent += 1
        if self.sent > 3:
            print("halfway", flush=True)
            time.sleep(60)
        return b"x" * 1000

artifacts.store(Slow())
"""


def test_process_killed_while_storing_leaves_no_file_and_can_be_repeated():
    process = subprocess.Popen(
        [sys.executable, "-c", STORE_SLOWLY],
        stdout=subprocess.PIPE,
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "SLIPWAY_DATA": str(settings.DATA_DIR)},
    )
    assert process.stdout.readline() == b"halfway\n"
    before = set(Artifact.objects.values_list("digest", flat=True))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert set(Artifact.objects.values_list("digest", flat=True)) == before
    assert len(drafts()) == 1  # invisible, and old enough one day
    os.utime(artifacts.incoming() / drafts()[0], (0, 0))
    sweep_strays()
    assert drafts() == []
    assert make_artifact(b"x" * 3000).size == 3000


UNSAFE = [
    *("../model.onnx", "a/../../b", "/etc/passwd", "C:/model", "a\\b", "", ".", "./"),
    *("nul\0byte", "line\nbreak", "x" * 501, "é" * 200 + "/ok", "\u202etxt.exe", "\ud800"),
]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/etc/passwd", "absolute"),
        ("C:/m", "drive of Windows"),
        ("./c:", "drive"),
        ("C:\\m", "backslash"),
        ("..", "leave"),
    ],
)
def test_rejected_name_is_reported_with_the_reason(path, why):
    with pytest.raises(UnsafePath, match=why):
        safe_path(path)


@pytest.mark.parametrize("path", UNSAFE)
def test_unsafe_names_are_rejected(path):
    with pytest.raises(UnsafePath) as refused:
        safe_path(path)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        *(("model.onnx", "model.onnx"), ("./a//b/./c", "a/b/c"), ("e\u0301", "é"), ("..a/b..", "..a/b..")),
        *((name, name) for name in ("model:v1.txt", "a:b.txt", "12:30 Uhr.txt", "a/C:/b", ".C:/b", "CON", "a ")),
    ],
)
def test_safe_names_are_normalized(path, normal):
    assert safe_path(path) == normal


@given(st.text(max_size=60) | st.lists(st.sampled_from(["..", ".", "", "a", "b\\c", "C:", "~"])).map("/".join))
def test_a_safe_path_never_leaves_its_folder(text):
    try:
        path = safe_path(text)
    except UnsafePath:
        return
    joined = os.path.normpath(os.path.join("/root/of/version", path))
    assert joined.startswith("/root/of/version/")
    assert safe_path(path) == path
