"""`slipway model package`: what people type, and what they get."""

import hashlib
import io
import json
import tarfile

import httpx
import pytest


def context():
    """A context as the studio sends it."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for name, text in {"iris-1/Dockerfile": b"FROM scratch\n", "iris-1/bundle/bundle.json": b"{}"}.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    return raw.getvalue()


@pytest.fixture
def packing(deployed):
    """A studio that packs iris:1 in two looks."""
    content = context()
    row = {"id": 5, "subject": "iris:1", "step": "packing", "progress": 0.5, "error": None, "filename": "iris-1.tar.gz"}
    row |= {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "can_be_downloaded": True}
    row |= {"image": "slipway/service:abc", "form": "context", "offline": False}
    looks = iter(["running", "succeeded"])

    def answer(request, rest):
        if request.method == "POST":
            deployed.asked = json.loads(request.content)
            return httpx.Response(202, json=row | {"state": "queued"})
        if rest.endswith("/file"):
            return httpx.Response(200, content=content)
        return httpx.Response(200, json=row | {"state": next(looks)})

    deployed.on_packages = answer
    return deployed


def test_context_is_unpacked_into_the_folder(slipway, packing, tmp_path):
    answer = slipway("model", "package", "-n", "iris", "-v", "1", "--output-path", tmp_path / "out")
    assert answer.code == 0, answer.err
    assert packing.asked == {"model": "iris:1", "form": "context", "offline": False}
    assert (tmp_path / "out" / "Dockerfile").read_text() == "FROM scratch\n"
    assert (tmp_path / "out" / "bundle" / "bundle.json").is_file()


def test_without_a_folder_an_image_is_made_and_named(slipway, packing):
    answer = slipway("model", "package", "-n", "iris")
    assert (answer.code, packing.asked["model"], packing.asked["form"]) == (0, "iris:latest", "image")
    assert "slipway/service:abc" in answer.out


def test_no_wait_says_which_package_is_being_made(slipway, packing):
    answer = slipway("model", "package", "--service", "iris", "--revision", "3", "--no-wait")
    assert (answer.code, packing.asked["service"], packing.asked["revision"]) == (0, "iris", 3)
    assert "Package 5" in answer.out


def test_folder_that_is_not_empty_stays(slipway, packing, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    answer = slipway("model", "package", "-n", "iris", "--output-path", folder)
    assert (answer.code, [path.name for path in folder.iterdir()]) == (5, ["mine"])


def test_model_or_service_must_be_named(slipway, packing):
    assert slipway("model", "package").code == 2
