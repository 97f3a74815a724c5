"""Stored files laid out for bundles and inspections: the same bytes, and never the store's own file."""

import errno
import fcntl
import os

import pytest

from registry.errors import FileDamaged, FileLost, StorageFull, UnsafePath
from registry.models import VersionFile
from registry.store import artifacts
from registry.store import materialise as module
from registry.store.materialise import materialise
from tests.registry.factories import make_artifact

pytestmark = pytest.mark.django_db


def stored(content=b"weights", path="folder/model.bin"):
    return VersionFile(path=path, artifact=make_artifact(content))


def store_path(file):
    return artifacts.local_path(file.artifact.digest)


def test_file_is_laid_out_at_its_path_and_read_only(tmp_path):
    materialise(stored(), tmp_path)
    laid_out = tmp_path / "folder" / "model.bin"
    assert laid_out.read_bytes() == b"weights"
    assert laid_out.stat().st_mode & 0o777 == 0o444
    assert [path.name for path in laid_out.parent.iterdir()] == ["model.bin"]
    materialise(stored(), tmp_path)  # again is harmless


def test_whoever_writes_to_a_file_laid_out_changes_nothing_in_the_store(tmp_path):
    file = stored(b"everybody's weights")
    materialise(file, tmp_path)
    laid_out = tmp_path / file.path
    laid_out.chmod(0o600)
    laid_out.write_bytes(b"changed by a script")
    assert store_path(file).read_bytes() == b"everybody's weights"


def test_nothing_laid_out_or_stored_has_a_second_name(tmp_path):
    file = stored(b"one name each")
    materialise(file, tmp_path)
    assert (os.stat(tmp_path / file.path).st_nlink, store_path(file).stat().st_nlink) == (1, 1)


def test_blocks_are_shared_where_the_file_system_can(tmp_path, monkeypatch):
    def clone(copy, request, whole):
        assert request == 0x40049409
        os.write(copy, os.pread(whole, 100, 0))

    monkeypatch.setattr(fcntl, "ioctl", clone)
    monkeypatch.setattr(module, "_copy", lambda *_: pytest.fail("the bytes were copied a second time"))
    file = stored(b"shared blocks")
    materialise(file, tmp_path)
    assert (tmp_path / file.path).read_bytes() == b"shared blocks"


@pytest.mark.parametrize("refusal", [errno.EOPNOTSUPP, errno.EXDEV, errno.ENOTTY, errno.EINVAL])
def test_bytes_are_copied_where_blocks_cannot_be_shared(tmp_path, monkeypatch, refusal):
    def refuse(*_):
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(fcntl, "ioctl", refuse)
    file = stored(b"copied")
    materialise(file, tmp_path)
    assert (tmp_path / file.path).read_bytes() == b"copied"


@pytest.mark.parametrize("damage", [b"other bytes", b"weight", b""], ids=["changed", "cut", "empty"])
def test_damaged_bytes_are_not_laid_out(tmp_path, rot, damage):
    file = stored()
    rot(file.artifact, damage)
    with pytest.raises(FileDamaged, match=r"folder/model\.bin .* SHA-256") as refused:
        materialise(file, tmp_path)
    assert "Upload the same file again" in refused.value.hint
    assert list((tmp_path / "folder").iterdir()) == []


def test_file_that_the_store_has_lost_is_named(tmp_path):
    file = stored()
    store_path(file).unlink()
    with pytest.raises(FileLost, match=r"folder/model\.bin is no longer in the store"):
        materialise(file, tmp_path)
    assert list((tmp_path / "folder").iterdir()) == []


def test_path_that_leaves_the_folder_is_refused(tmp_path):
    with pytest.raises(UnsafePath):
        materialise(stored(path="../model.bin"), tmp_path / "inside")
    assert not (tmp_path / "model.bin").exists()


def test_full_disk_is_an_error_that_says_so(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    file = stored(b"no room")
    monkeypatch.setattr(module, "_copy", full)
    with pytest.raises(StorageFull):
        materialise(file, tmp_path)
    assert list((tmp_path / "folder").iterdir()) == []
