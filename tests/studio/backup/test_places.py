"""A folder and a bucket keep the same promises."""

import fcntl
import hashlib
import io

import pytest
from django.core.files.storage import InMemoryStorage

from studio.backup.places import Bucket, Damaged, Folder, place_of
from studio.core.errors import BadInput


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(params=["folder", "bucket"])
def place(request, tmp_path):
    return Folder(tmp_path / "new" / "place") if request.param == "folder" else Bucket(InMemoryStorage())


def test_what_was_put_is_there_with_its_size_and_can_be_replaced(place):
    for content in (b"old", b"newer"):
        place.put("snapshots/1/a", io.BytesIO(content), sha256(content))

    assert place.open("snapshots/1/a").read() == b"newer"
    assert place.size_of("snapshots/1/a") == 5
    assert place.folders("snapshots") == ["1"]


def test_what_is_not_there_has_no_size_and_no_folders(place):
    assert place.size_of("a") is None
    assert place.folders("snapshots") == []
    with pytest.raises(FileNotFoundError):
        place.open("a")


def test_bytes_of_another_digest_are_not_kept(place):
    with pytest.raises(Damaged):
        place.put("a/b", io.BytesIO(b"bent"), sha256(b"straight"))
    assert place.size_of("a/b") is None


def test_a_file_that_breaks_off_on_the_way_is_not_there(place):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        place.put("a/b", Broken(), sha256(b""))
    assert place.size_of("a/b") is None


def test_drafts_of_killed_backups_are_removed_and_those_of_running_ones_stay(tmp_path):
    killed, running, other = (tmp_path / name for name in (".b.01.draft", ".b.02.draft", ".c.03.draft"))
    for draft in (killed, running, other):
        draft.write_bytes(b"half")

    with running.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        Folder(tmp_path).put("b", io.BytesIO(b"whole"), sha256(b"whole"))

    assert {path.name for path in tmp_path.iterdir()} == {"b", running.name, other.name}


def test_an_address_in_s3_names_bucket_and_prefix(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    storage = place_of("s3://bucket/some/prefix")._storage
    assert (storage.bucket_name, storage.location) == ("bucket", "some/prefix")
    with pytest.raises(BadInput):
        place_of("s3:///prefix")
