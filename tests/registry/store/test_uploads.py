"""Receiving files, in chunks and in one request."""

import fcntl
import hashlib
import io
import os
from datetime import timedelta

import pytest
from django.utils import timezone

from registry.errors import DigestMismatch, SizeMismatch, StorageFull, UnsafePath, WrongOffset
from registry.models import Artifact, Upload
from registry.store import artifacts, sweeping, uploads
from studio.core.errors import BadInput, Conflict, NotFound, TooLarge
from tests.registry.factories import content_of, make_upload

pytestmark = pytest.mark.django_db

GB = 1000**3


@pytest.fixture
def send(workspace, bob):
    """`send(b"abc", declared=5)` declares five bytes and sends three."""

    def make(content, *, declared=None, digest="", path="model.onnx"):
        size = len(content) if declared is None else declared
        upload = uploads.begin(workspace, bob, path, size, digest)
        return uploads.append(upload, 0, io.BytesIO(content))

    return make


@pytest.fixture(autouse=True)
def no_parts_of_other_tests():
    for part in artifacts.incoming().glob("*.part"):
        part.unlink()


def parts():
    return [file.name for file in artifacts.incoming().iterdir() if file.suffix == ".part"]


def test_chunks_become_an_artifact(workspace, bob):
    upload = uploads.begin(workspace, bob, "folder/model.onnx", 10)
    uploads.append(upload, 0, io.BytesIO(b"01234"))
    uploads.append(Upload.objects.get(pk=upload.pk), 5, io.BytesIO(b"56789"), length=5)
    uploads.complete(upload)
    assert Upload.objects.get(pk=upload.pk).is_complete
    assert content_of(upload) == b"0123456789"
    assert upload.path == "folder/model.onnx"
    assert parts() == []


def test_wrong_offset_is_rejected_with_the_right_one(send):
    upload = send(b"12345", declared=10)
    for offset in (0, 4, 6):
        with pytest.raises(WrongOffset) as wrong:
            uploads.append(upload, offset, io.BytesIO(b"x"))
        assert wrong.value.received == 5
        assert wrong.value.status == 409
    uploads.append(upload, 5, io.BytesIO(b"67890"))
    assert content_of(uploads.complete(upload)) == b"1234567890"


def test_upload_shorter_than_declared_stores_nothing(send, monkeypatch):
    monkeypatch.setattr(uploads.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10**12}))
    upload = send(b"x" * 1_000_000, declared=3 * GB)
    with pytest.raises(SizeMismatch) as said:
        uploads.complete(upload)
    assert said.value.message == (
        "model.onnx was announced with 3,000,000,000 bytes, but only 1,000,000 arrived. Nothing is kept."
    )
    assert not Upload.objects.exists()
    assert not Artifact.objects.exists()
    assert parts() == []


def test_file_larger_than_the_free_space_is_rejected_when_declared(workspace, bob, monkeypatch):
    monkeypatch.setattr(uploads.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10**9}))
    with pytest.raises(StorageFull):
        uploads.begin(workspace, bob, "model.onnx", GB)
    assert not Upload.objects.exists()


def test_bytes_beyond_the_declared_size_are_rejected_and_earlier_ones_stay(send):
    upload = send(b"123", declared=5)
    with pytest.raises(TooLarge) as said:
        uploads.append(upload, 3, io.BytesIO(b"4567"))
    assert "announced with 5 bytes" in said.value.message
    assert uploads.part_of(upload).stat().st_size == 3
    uploads.append(upload, 3, io.BytesIO(b"45"))
    assert content_of(uploads.complete(upload)) == b"12345"


def test_chunk_larger_than_the_limit_is_rejected(send, settings):
    settings.SLIPWAY = {**settings.SLIPWAY, "CHUNK_BYTES": 4}
    with pytest.raises(TooLarge) as said:
        send(b"12345", declared=100)
    assert "at most 4 bytes" in said.value.message


def test_file_larger_than_the_limit_is_rejected(workspace, bob, settings):
    with pytest.raises(TooLarge):
        uploads.begin(workspace, bob, "model.onnx", settings.SLIPWAY["MAX_UPLOAD_BYTES"] + 1)


class DisconnectingClient(io.BytesIO):
    """A client that disconnects after its first bytes."""

    def read(self, size=-1):
        if piece := super().read(size):
            return piece
        raise ConnectionResetError("the client went away")


def test_interrupted_chunk_does_not_count(send):
    upload = send(b"12345", declared=10)
    with pytest.raises(SizeMismatch):
        uploads.append(upload, 5, io.BytesIO(b"67"), length=5)

    with pytest.raises(ConnectionResetError):
        uploads.append(upload, 5, DisconnectingClient(b"678"))
    assert Upload.objects.get(pk=upload.pk).received == 5
    assert uploads.part_of(upload).stat().st_size == 5


def test_bytes_of_a_crashed_chunk_are_truncated_on_resume(send):
    upload = send(b"12345", declared=10)
    with uploads.part_of(upload).open("ab") as part:  # a process died after writing, before saying so
        part.write(b"garbage")
    uploads.append(upload, 5, io.BytesIO(b"67890"))
    assert content_of(uploads.complete(upload)) == b"1234567890"


def test_lost_part_is_detected_and_sent_again(send):
    upload = send(b"12345", declared=5)
    uploads.part_of(upload).unlink()
    with pytest.raises(WrongOffset) as wrong:
        uploads.append(upload, 5, io.BytesIO(b""))
    assert wrong.value.received == 0
    assert Upload.objects.get(pk=upload.pk).received == 0


def test_completion_can_be_repeated_after_a_crash_before_the_row_is_written(send, monkeypatch):
    upload = send(b"12345")
    monkeypatch.setattr(uploads, "_note", lambda *args, **facts: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        uploads.complete(upload)
    monkeypatch.undo()
    assert content_of(uploads.complete(Upload.objects.get(pk=upload.pk))) == b"12345"


def test_completion_is_idempotent(send):
    upload = send(b"12345")
    again = Upload.objects.get(pk=upload.pk)
    uploads.complete(upload)
    assert uploads.complete(again).artifact == upload.artifact
    assert content_of(upload) == b"12345"
    assert parts() == []


def test_complete_upload_accepts_no_more_bytes(send):
    upload = uploads.complete(send(b"12345"))
    with pytest.raises(Conflict):
        uploads.append(upload, 5, io.BytesIO(b"6"))


@pytest.mark.parametrize("when", ["announced", "completed"])
def test_digest_mismatch_stores_nothing(send, when):
    wrong = hashlib.sha256(b"other").hexdigest()
    upload = send(b"12345", digest=wrong if when == "announced" else "")
    with pytest.raises(DigestMismatch):
        uploads.complete(upload, wrong if when == "completed" else "")
    assert not Upload.objects.exists()
    assert not Artifact.objects.exists()
    assert parts() == []


def test_declared_digest_is_accepted(send):
    digest = hashlib.sha256(b"12345").hexdigest()
    assert uploads.complete(send(b"12345", digest=digest), f"sha256:{digest}").artifact_id == digest


@pytest.mark.parametrize("digest", ["abc", "z" * 64, "sha512:" + "0" * 64])
def test_malformed_digest_is_rejected(workspace, bob, digest):
    with pytest.raises(BadInput):
        uploads.begin(workspace, bob, "model.onnx", 5, digest)


def test_path_traversal_is_rejected(workspace, bob):
    with pytest.raises(UnsafePath):
        uploads.begin(workspace, bob, "../model.onnx", 5)
    with pytest.raises(UnsafePath):
        make_upload(workspace, bob, "../../etc/cron.d/x")


def test_two_requests_cannot_write_one_upload_at_once(send):
    upload = send(b"123", declared=10)
    with uploads.part_of(upload).open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Conflict) as said:
            uploads.append(upload, 3, io.BytesIO(b"4"))
    assert "Another request" in said.value.message


def test_abandoned_upload_accepts_no_more_bytes(send):
    upload = send(b"123", declared=10)
    uploads.abandon(upload)
    assert parts() == []
    with pytest.raises(NotFound):
        uploads.append(upload, 3, io.BytesIO(b"4"))
    assert parts() == []


def test_file_is_received_in_one_request(workspace, bob):
    upload = uploads.receive(workspace, bob, "a.txt", io.BytesIO(b"hello"), 5)
    assert upload.is_complete
    assert content_of(upload) == b"hello"
    with pytest.raises(SizeMismatch):
        uploads.receive(workspace, bob, "a.txt", io.BytesIO(b"hello"), 6)
    assert Upload.objects.count() == 1


def test_upload_is_found_only_by_its_owner(workspace, elsewhere, bob, alice, send):
    upload = send(b"1")
    assert uploads.find(workspace, bob, upload.pk) == upload
    for place, person in ((workspace, alice), (elsewhere, bob)):
        with pytest.raises(NotFound):
            uploads.find(place, person, upload.pk)
        with pytest.raises(BadInput):
            uploads.find_all(place, person, [upload.pk])
    with pytest.raises(BadInput):
        uploads.find_all(workspace, bob, [upload.pk, upload.pk])


def test_idle_uploads_are_abandoned(send):
    stale, fresh = send(b"1", declared=2), send(b"2", declared=3)
    Upload.objects.filter(pk=stale.pk).update(touched_at=timezone.now() - timedelta(days=2))
    lost = artifacts.incoming() / "00000000-0000-0000-0000-000000000000.part"
    lost.touch()
    os.utime(lost, (0, 0))
    assert [sweeping.remove_upload(str(pk)) for pk in (stale.pk, fresh.pk)] == [True, False]
    strays = [path for path in sweeping.stray_files() if path.suffix == ".part"]
    assert [(path, sweeping.remove_stray(path)) for path in strays] == [(lost, True)]
    assert list(Upload.objects.all()) == [fresh]
    assert parts() == [f"{fresh.pk}.part"]
