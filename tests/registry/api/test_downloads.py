"""Downloads over REST: whole, in ranges, as one archive."""

import io
import zipfile
from urllib.parse import quote

import pytest
from django.utils import timezone

from registry.models import Artifact
from registry.store import artifacts
from tests.registry.factories import make_version
from tests.registry.rest_answers import BASE, BYTES

pytestmark = pytest.mark.django_db


@pytest.fixture
def iris(workspace, bob):
    return make_version(
        workspace, user=bob, files={"net/mödel.onnx": b"0123456789", "README.md": b"", "w.bin": b"w" * 700_000}
    )


def body(response):
    return b"".join(response.streaming_content)


def test_file_is_sent_as_an_attachment(rest, iris):
    response = rest.get(f"{BASE}/versions/iris:1/files/net/mödel.onnx")
    assert body(response) == b"0123456789"
    assert response.headers["Content-Length"] == "10"
    assert response.headers["Content-Type"] == BYTES
    assert response.headers["Content-Disposition"] == "attachment; filename*=utf-8''m%C3%B6del.onnx"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert rest.get(f"{BASE}/versions/iris:1/files/other.onnx").status_code == 404
    assert body(rest.get(f"{BASE}/versions/iris:1/files/README.md")) == b""


@pytest.mark.parametrize("name", ["model:v1.txt", "a:b.txt", "12:30 Uhr.txt", "per%20cent #1?.txt", "[x]'\"&=.txt"])
def test_accepted_file_names_round_trip_as_file_and_in_the_archive(rest, workspace, name):
    make_version(workspace, files={name: b"content"})
    assert body(rest.get(f"{BASE}/versions/iris:1/files/{quote(name)}")) == b"content"
    with zipfile.ZipFile(io.BytesIO(body(rest.get(f"{BASE}/versions/iris:1/archive")))) as archive:
        assert (archive.namelist(), archive.read(name)) == ([name], b"content")


@pytest.mark.parametrize(
    ("header", "status", "content", "span"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_interrupted_download_resumes_with_a_range(rest, iris, header, status, content, span):
    response = rest.get(f"{BASE}/versions/iris:1/files/net/mödel.onnx", headers={"Range": header})
    assert (response.status_code, body(response)) == (status, content)
    assert response.headers.get("Content-Range") == span
    assert response.headers["Content-Length"] == str(len(content))


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=5-3", "bytes=-0"])
def test_range_beyond_the_end_is_rejected(rest, iris, header):
    response = rest.get(f"{BASE}/versions/iris:1/files/net/mödel.onnx", headers={"Range": header})
    assert (response.status_code, response.headers["Content-Range"]) == (416, "bytes */10")


def test_range_with_an_outdated_etag_returns_the_whole_file(rest, iris):
    headers = {"Range": "bytes=2-4", "If-Range": '"another"'}
    response = rest.get(f"{BASE}/versions/iris:1/files/net/mödel.onnx", headers=headers)
    assert (response.status_code, body(response)) == (200, b"0123456789")


def test_all_files_are_downloaded_as_one_archive(rest, iris):
    response = rest.get(f"{BASE}/versions/iris:1/archive")
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Content-Disposition"] == 'attachment; filename="iris-1.zip"'
    pieces = list(response.streaming_content)
    assert max(map(len, pieces)) < 300_000
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        found = {name: archive.read(name) for name in archive.namelist()}
    assert found == {"net/mödel.onnx": b"0123456789", "README.md": b"", "w.bin": b"w" * 700_000}


@pytest.fixture
def damage(rot):
    """Other bytes in the store; `is_noted`: of the same size, and a scrub has found them."""

    def change(version, path, *, is_noted):
        artifact = version.files.get(path=path).artifact
        rot(artifact, b"x" * artifact.size if is_noted else b"")
        Artifact.objects.filter(pk=artifact.pk).update(damaged_at=timezone.now() if is_noted else None)

    return change


@pytest.mark.parametrize("is_noted", [True, False], ids=["found by a scrub", "cut"])
@pytest.mark.parametrize("what", ["files/net/mödel.onnx", "archive"])
def test_damaged_bytes_are_not_sent(rest, iris, damage, what, is_noted):
    damage(iris, "net/mödel.onnx", is_noted=is_noted)
    response = rest.get(f"{BASE}/versions/iris:1/{what}")
    (error,) = response.json()["errors"]
    assert (response.status_code, error["code"]) == (409, "file_damaged")
    assert "net/mödel.onnx" in error["detail"]
    assert "Upload the same file again" in error["hint"]
    assert body(rest.get(f"{BASE}/versions/iris:1/files/w.bin")) == b"w" * 700_000


@pytest.mark.parametrize("what", ["files/net/mödel.onnx", "archive"])
def test_lost_file_is_an_error_and_no_broken_download(rest, iris, what):
    artifacts.local_path(iris.files.get(path="net/mödel.onnx").artifact_id).unlink()
    response = rest.get(f"{BASE}/versions/iris:1/{what}")
    assert (response.status_code, response.json()["errors"][0]["code"]) == (409, "file_lost")


def test_version_lists_which_of_its_files_are_damaged(rest, iris, damage):
    damage(iris, "w.bin", is_noted=True)
    files = rest.get(f"{BASE}/versions/iris:1").json()["files"]
    assert {file["path"]: file["damaged"] for file in files} == {
        "README.md": False,
        "net/mödel.onnx": False,
        "w.bin": True,
    }
