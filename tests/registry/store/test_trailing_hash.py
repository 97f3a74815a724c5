"""Hashing uploads while they arrive."""

import hashlib
import io

import pytest

from registry.models import Upload
from registry.store import artifacts, trailing_hash, uploads
from tests.registry.factories import content_of

pytestmark = pytest.mark.django_db

CHUNK = 700 * 1024  # bytes: pieces of the hash and chunks of the upload end at different places
CHUNKS = [bytes([number]) * CHUNK for number in range(4)]
DIGEST = hashlib.sha256(b"".join(CHUNKS)).hexdigest()


@pytest.fixture
def upload(workspace, bob):
    return uploads.begin(workspace, bob, "weights.bin", len(CHUNKS) * CHUNK)


@pytest.fixture
def no_second_reading(monkeypatch):
    monkeypatch.setattr(artifacts, "_hash", lambda path: pytest.fail("the whole file is read again"))


def send(upload, chunks, first=0):
    for number, chunk in enumerate(chunks, first):
        uploads.append(Upload.objects.get(pk=upload.pk), number * CHUNK, io.BytesIO(chunk))
    return Upload.objects.get(pk=upload.pk)


def test_chunks_are_hashed_without_reading_the_file_again(upload, no_second_reading):
    complete = uploads.complete(send(upload, CHUNKS))
    assert complete.artifact_id == DIGEST
    assert hashlib.sha256(content_of(complete)).hexdigest() == DIGEST


def test_refused_chunk_is_not_in_the_digest(upload, no_second_reading):
    send(upload, CHUNKS[:2])
    with pytest.raises(uploads.SizeMismatch):
        uploads.append(upload, 2 * CHUNK, io.BytesIO(b"broken"), length=CHUNK)
    assert uploads.complete(send(upload, CHUNKS[2:], first=2)).artifact_id == DIGEST


def test_process_without_hash_state_hashes_earlier_bytes_during_the_upload(upload, no_second_reading):
    send(upload, CHUNKS[:2])
    trailing_hash.forget(upload.pk)  # as after a restart
    assert uploads.complete(send(upload, CHUNKS[2:], first=2)).artifact_id == DIGEST


def test_bytes_of_a_lost_part_are_not_in_the_digest(upload):
    send(upload, [b"x" * CHUNK] * 2)
    uploads.part_of(upload).unlink()
    with pytest.raises(uploads.WrongOffset) as wrong:
        send(upload, CHUNKS[2:3], first=2)
    assert wrong.value.received == 0
    assert uploads.complete(send(upload, CHUNKS)).artifact_id == DIGEST


def test_truncated_part_is_sent_again_from_its_beginning(upload):
    send(upload, [b"x" * CHUNK] * 2)
    with uploads.part_of(upload).open("r+b") as part:
        part.truncate(CHUNK)
    with pytest.raises(uploads.WrongOffset) as wrong:
        send(upload, CHUNKS[1:2], first=1)
    assert wrong.value.received == 0
    assert uploads.complete(send(upload, CHUNKS)).artifact_id == DIGEST


def test_uploads_beyond_the_limit_are_hashed_on_completion(upload, monkeypatch):
    monkeypatch.setattr(trailing_hash, "MAX_FILES", 0)
    assert uploads.complete(send(upload, CHUNKS)).artifact_id == DIGEST


def test_declared_digest_is_compared_with_the_one_of_the_chunks(upload, no_second_reading):
    with pytest.raises(uploads.DigestMismatch):
        uploads.complete(send(upload, CHUNKS), hashlib.sha256(b"other").hexdigest())
    assert not Upload.objects.exists()
