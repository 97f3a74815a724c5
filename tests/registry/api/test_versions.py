"""Versions over REST: registered, edited, deleted."""

import hashlib

import pytest

from registry.models import ModelVersion, Upload, VersionState
from tests.registry.factories import make_version, onnx_bytes, serve
from tests.registry.packing import zipped
from tests.registry.rest_answers import BASE, BYTES, first_error

pytestmark = pytest.mark.django_db


@pytest.fixture
def send(rest):
    """`send(b"…")` declares, sends and completes an upload; returns its id."""

    def make(content, path="model.onnx"):
        begun = rest.post(f"{BASE}/uploads", {"path": path, "size": len(content)})
        url = f"{BASE}/uploads/{begun.json()['id']}"
        rest.put(f"{url}?offset=0", content, content_type=BYTES)
        return rest.post(f"{url}/complete", {}).json()["id"]

    return make


def test_registered_version_is_returned_with_all_fields(rest, send):
    content = onnx_bytes()
    response = rest.post(
        f"{BASE}/versions",
        {
            "name": "iris",
            "files": [send(content), send(b"a\nb\n", "labels.txt")],
            "description": "Flowers",
            "tags": {"area": "vision"},
            "properties": {"accuracy": 0.97},
            "framework": "Onnx",
            "resources": {"cpu": 0.5, "memory_gb": 1},
        },
    )
    assert response.status_code == 201, response.json()
    shown = response.json()
    assert shown == {
        "id": "iris:1",
        "name": "iris",
        "version": 1,
        "state": "uploaded",
        "framework": "onnx",
        "framework_version": "",
        "description": "Flowers",
        "tags": {"area": "vision"},
        "properties": {"accuracy": 0.97},
        "signature": None,
        "facts": {},
        "rejection": None,
        "resources": {"cpu": 0.5, "memory_gb": 1.0, "gpu": 0},
        "size": len(content) + 4,
        "folder": "",
        "files": [
            {"path": path, "size": len(stored), "sha256": hashlib.sha256(stored).hexdigest(), "damaged": False}
            for path, stored in (("labels.txt", b"a\nb\n"), ("model.onnx", content))
        ],
        "created_by": "bob",
        "created_at": shown["created_at"],
        "services": [],
        "derivation": {},
    }
    assert rest.get(f"{BASE}/versions/iris:latest").json() == shown


def test_tags_are_accepted_as_key_value_strings(rest, send):
    response = rest.post(f"{BASE}/versions", {"name": "iris", "files": [send(b"x")], "tags": ["area=vision", "b=1"]})
    assert response.json()["tags"] == {"area": "vision", "b": "1"}


@pytest.mark.parametrize(
    ("facts", "attr", "detail"),
    [
        ({"tags": ["area"]}, "tags", "The tag 'area' has no '='."),
        ({"tags": ["a=1", "a=2"]}, "tags", "The tag 'a' is given twice."),
        ({"tags": "area=vision"}, "tags", 'Write tags as {"key": "value"} or ["key=value"].'),
        ({"name": "../iris"}, "name", "'../iris' cannot be a model's name."),
        ({"files": []}, "files", "A version needs at least one file."),
        ({"files": ["00000000-0000-0000-0000-000000000000"]}, "files", None),
        ({"files": ["nonsense"]}, "files.0", None),
        ({"resources": {"cpu": -1}}, "cpu", None),
        ({"resources": {"cpu": "much"}}, "resources.cpu", None),
        ({"properties": {"a": {"b": 1}}}, "properties", None),
    ],
)
def test_invalid_input_names_its_field_and_registers_nothing(rest, send, facts, attr, detail):
    response = rest.post(f"{BASE}/versions", {"name": "iris", "files": [send(b"x")]} | facts)
    assert response.status_code == 400
    assert first_error(response)["attr"] == attr
    assert detail in {None, first_error(response)["detail"]}
    assert not ModelVersion.objects.exists()


def test_body_that_is_not_json_is_rejected_in_the_error_format_of_the_api(rest):
    response = rest.post(f"{BASE}/versions", "{not json", content_type="application/json")
    assert response.status_code == 400
    assert first_error(response)["code"] == "parse_error"
    assert rest.post(f"{BASE}/versions", "<a/>", content_type="text/xml").status_code == 415


def test_an_archive_is_unpacked_on_request(rest, send):
    archive = send(zipped({"net/model.onnx": onnx_bytes(), "README.md": b"hi"}), "net.zip")
    response = rest.post(f"{BASE}/versions", {"name": "net", "files": [archive], "unpack": True})
    assert [file["path"] for file in response.json()["files"]] == ["README.md", "net/model.onnx"]
    assert not Upload.objects.exists()


def test_an_archive_with_a_path_that_leaves_its_folder_is_refused(rest, send):
    archive = send(zipped({"good.txt": b"fine", "../../evil.sh": b"evil"}), "net.zip")
    response = rest.post(f"{BASE}/versions", {"name": "net", "files": [archive], "unpack": True})
    assert response.status_code == 400
    assert first_error(response)["code"] == "unsafe_path"
    assert "'../../evil.sh'" in first_error(response)["detail"]
    assert not ModelVersion.objects.exists()
    assert [upload.path for upload in Upload.objects.all()] == ["net.zip"]


def test_edit_of_a_version_is_atomic(rest, workspace, bob):
    make_version(workspace, user=bob, tags={"stage": "draft", "old": "1"}, properties={"accuracy": 0.9})
    edit = {
        "description": "Better",
        "add_tags": {"stage": "ready"},
        "remove_tags": ["old"],
        "add_properties": {"f1": 0.8},
    }
    shown = rest.patch(f"{BASE}/versions/iris:1", edit)
    assert shown.status_code == 200
    assert shown.json()["description"] == "Better"
    assert shown.json()["tags"] == {"stage": "ready"}
    assert shown.json()["properties"] == {"accuracy": 0.9, "f1": 0.8}
    refused = rest.patch(f"{BASE}/versions/iris:1", {"description": "Worse", "add_properties": {"accuracy": 1}})
    assert (refused.status_code, first_error(refused)["code"]) == (409, "property_fixed")
    assert rest.get(f"{BASE}/versions/iris:1").json()["description"] == "Better"


def test_version_in_use_by_a_service_cannot_be_deleted(rest, workspace, bob):
    make_version(workspace, user=bob)
    serve(workspace, make_version(workspace, user=bob), "shop")
    assert rest.get(f"{BASE}/versions/iris:2").json()["services"] == ["shop"]
    refused = rest.delete(f"{BASE}/versions/iris:2")
    assert refused.status_code == 409
    assert first_error(refused)["code"] == "in_use"
    assert first_error(refused)["detail"] == "iris:2 is used by the service shop."
    assert rest.delete(f"{BASE}/versions/iris:1").status_code == 204
    assert rest.get(f"{BASE}/versions/iris:1").status_code == 404


def test_rejected_version_can_be_reinspected(rest, workspace):
    make_version(workspace, state=VersionState.REJECTED, rejection={"message": "no"})
    assert rest.post(f"{BASE}/versions/iris:1/inspect").json()["state"] == "uploaded"
    assert rest.post(f"{BASE}/versions/iris:1/inspect").status_code == 409
