"""Unpacking archives: paths that are kept, and archives that are rejected before they are unpacked."""

import contextlib
import gzip
import io
import os
import stat
import tarfile

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from registry.errors import BadArchive, UnsafePath
from registry.models import Artifact, Upload
from registry.store import archives, uploads
from registry.store.unpacking import unpacked
from studio.core.errors import BadInput, SlipwayError, TooLarge
from tests.registry.factories import content_of, make_upload
from tests.registry.packing import tarred, zipped

pytestmark = pytest.mark.django_db

FOLDER = {"iris/model.onnx": b"graph", "iris/data/weights.bin": b"w" * 100_000, "README.md": b""}


@pytest.fixture
def unpack(workspace, bob):
    def make(content, name="models.zip"):
        return uploads.unpack(make_upload(workspace, bob, name, content))

    return make


@pytest.mark.parametrize(
    "packed",
    [zipped(FOLDER), tarred(FOLDER), tarred(FOLDER, "w"), tarred(FOLDER, format=tarfile.PAX_FORMAT)],
    ids=["zip", "tar.gz", "tar", "pax"],
)
def test_archives_keep_their_paths(unpack, packed):
    found = {upload.path: content_of(upload) for upload in unpack(packed, "whatever.bin")}
    assert found == FOLDER


ESCAPES = ["../evil.sh", "a/../../evil.sh", "/etc/cron.d/evil", "a\\..\\evil", "C:/evil"]


@pytest.mark.parametrize("name", ESCAPES)
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_path_traversal_is_rejected_and_nothing_stays(unpack, pack, name):
    with pytest.raises(UnsafePath):
        unpack(pack({"good.txt": b"fine", name: b"evil"}))
    assert [upload.path for upload in Upload.objects.all()] == ["models.zip"]


@pytest.mark.parametrize("name", ["../", "../x/", "/etc/"])
def test_path_traversal_of_a_folder_is_rejected(unpack, name):
    with pytest.raises(UnsafePath):
        unpack(zipped({"good.txt": b"fine", name: b""}))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_rejected(unpack, kind):
    with pytest.raises(BadArchive):
        unpack(tarred({"evil": b""}, type=kind, linkname="/etc/passwd"))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_in_a_zip_are_rejected(unpack, kind):
    with pytest.raises(BadArchive):
        unpack(zipped({"evil": b"/etc/passwd"}, modes={"evil": kind | 0o777}))


def test_decompression_bomb_is_rejected_before_it_is_unpacked(unpack, monkeypatch):
    monkeypatch.setattr(archives, "RATIO_COUNTS_FROM", 100_000)
    for packed in (zipped({"zeros": b"\0" * 10_000_000}), tarred({"zeros": b"\0" * 10_000_000})):
        with pytest.raises(TooLarge) as said:
            unpack(packed)
        assert "would unpack to more than" in said.value.message
    assert Artifact.objects.count() == 2  # the two archives


def test_archive_with_too_many_files_is_rejected_before_any_is_stored(workspace, bob, monkeypatch):
    files, stored = {f"{number}.txt": b"x" for number in range(4)}, []
    archived = [make_upload(workspace, bob, "models.zip", pack(files)) for pack in (zipped, tarred)]
    monkeypatch.setattr(archives, "MAX_MEMBERS", 3)
    monkeypatch.setattr(uploads, "receive", lambda *given: stored.append(given))
    for one in archived:
        with pytest.raises(TooLarge):
            uploads.unpack(one)

    assert stored == []


def test_a_tar_with_an_enormous_header_is_refused(unpack):
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 3 * 1000**3
    with pytest.raises(BadArchive):
        unpack(gzip.compress(header.tobuf() + b"a" * 100_000))


def test_a_sparse_file_is_refused(unpack):
    entry = tarfile.TarInfo("zeros")
    entry.type = tarfile.GNUTYPE_SPARSE
    with pytest.raises(BadArchive):
        unpack(gzip.compress(entry.tobuf() + b"\0" * 1024))


@pytest.mark.parametrize("packed", [zipped(FOLDER), tarred(FOLDER)], ids=["zip", "tar.gz"])
def test_truncated_archive_is_rejected_and_nothing_stays(unpack, packed):
    for length in (len(packed) // 2, len(packed) - 30):
        with pytest.raises(BadArchive):
            unpack(packed[:length])
    assert not Upload.objects.exclude(path="models.zip").exists()


def test_file_that_is_no_archive_is_rejected(unpack):
    with pytest.raises(BadArchive) as said:
        unpack(b"just text")
    assert "neither a zip nor a tar" in said.value.message
    with pytest.raises(BadArchive):
        unpack(zipped({}))


def test_incomplete_upload_of_an_archive_is_rejected(workspace, bob):
    with pytest.raises(BadInput) as said:
        uploads.unpack(uploads.begin(workspace, bob, "models.zip", 100))
    assert said.value.message == "models.zip has not arrived completely."


def test_metadata_files_of_macos_are_left_out(unpack):
    found = unpack(zipped({"a.txt": b"a", "__MACOSX/._a.txt": b"x", "folder/.DS_Store": b"x"}))
    assert [upload.path for upload in found] == ["a.txt"]


def test_upload_of_an_archive_is_deleted_only_after_its_files_are_used(workspace, bob):
    archive = make_upload(workspace, bob, "models.zip", zipped(FOLDER))
    with pytest.raises(ZeroDivisionError), unpacked([archive]) as files:
        assert len(files) / 0
    assert list(Upload.objects.all()) == [archive]
    with unpacked([archive, make_upload(workspace, bob, "extra.txt")]) as files:
        assert {file.path for file in files} == {*FOLDER, "extra.txt"}
    assert not Upload.objects.filter(path="models.zip").exists()


names = st.text(alphabet="ab./\\\n:é", min_size=1, max_size=12)


@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(names, st.binary(max_size=20), min_size=1, max_size=4), st.sampled_from([zipped, tarred]))
def test_members_with_arbitrary_names_stay_in_the_folder(members, pack):
    packed = pack(members)
    try:
        found = [member.path for member in archives.members(io.BytesIO(packed), len(packed), "archive")]
    except SlipwayError:
        return
    assert all(os.path.normpath(f"/root/{path}").startswith("/root/") for path in found)


@hypothesis_settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_damaged_archive_is_rejected_without_a_crash(data):
    packed = bytearray(data.draw(st.sampled_from([zipped(FOLDER), tarred(FOLDER), tarred(FOLDER, "w")])))
    for _ in range(data.draw(st.integers(1, 5))):
        packed[data.draw(st.integers(0, min(len(packed) - 1, 1500)))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadArchive, UnsafePath, TooLarge), archives.faults_are_named("archive"):
        for member in archives.members(io.BytesIO(bytes(packed)), len(packed), "archive"):
            member.stream.read()
