"""`slipway service export`: what people type, and the file that they get."""

import hashlib
import json

import httpx
import pytest

CONTENT = b"an archive"


@pytest.fixture
def exporting(deployed):
    """A studio that packs iris in two looks."""
    row = {"id": 5, "revision": 3, "step": "packing", "progress": 0.5, "error": None, "filename": "iris-3.tar.gz"}
    row |= {"size_bytes": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest(), "can_be_downloaded": True}
    looks = iter(["running", "succeeded"])

    def answer(service, request):
        if request.method == "POST":
            deployed.asked = json.loads(request.content)
            return httpx.Response(202, json=row | {"state": "queued"})
        if request.url.path.endswith("/file"):
            return httpx.Response(200, content=CONTENT)
        return httpx.Response(200, json=row | {"state": next(looks)})

    deployed.answer_edge_exports = answer
    return deployed


def test_archive_is_written_and_checked(slipway, exporting, tmp_path):
    place = tmp_path / "iris.tar.gz"

    answer = slipway("service", "export", "iris", "--edge", "--revision", "3", "--file", place)

    assert answer.code == 0, answer.err
    assert exporting.asked == {"revision": 3}
    assert place.read_bytes() == CONTENT
    assert "revision 3" in answer.out


def test_file_that_exists_stays(slipway, exporting, tmp_path):
    place = tmp_path / "iris.tar.gz"
    place.write_bytes(b"mine")

    answer = slipway("service", "export", "iris", "--edge", "--file", place)

    assert (answer.code, place.read_bytes()) == (5, b"mine")


def test_form_must_be_said(slipway, exporting):
    answer = slipway("service", "export", "iris")

    assert (answer.code, "--edge" in answer.err) == (2, True)
