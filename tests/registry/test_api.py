"""The registry over REST, the way a program uses it."""

import hashlib
import io
import zipfile
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from registry.models import Artifact, ModelVersion, Upload, VersionState
from studio.accounts.models import ApiToken
from tests.registry.factories import make_upload, make_version, onnx_bytes
from tests.registry.test_registration import serve

pytestmark = pytest.mark.django_db

BASE = "/api/v1/workspaces/vision"
BYTES = "application/octet-stream"


@pytest.fixture
def rest(api, bob):
    return api(bob)


@pytest.fixture
def send(rest):
    """`send(b"…")` takes a file through announcing, sending and completing; gives the upload's id."""

    def make(content, path="model.onnx"):
        begun = rest.post(f"{BASE}/uploads", {"path": path, "size": len(content)})
        url = f"{BASE}/uploads/{begun.json()['id']}"
        rest.put(f"{url}?offset=0", content, content_type=BYTES)
        return rest.post(f"{url}/complete", {}).json()["id"]

    return make


def first_error(response):
    return response.json()["errors"][0]


def body(response):
    return b"".join(response.streaming_content)


# --- uploads --------------------------------------------------------------------------------------


def test_a_file_is_announced_sent_in_chunks_and_completed(rest):
    begun = rest.post(f"{BASE}/uploads", {"path": "folder/model.onnx", "size": 10})
    assert begun.status_code == 201
    known = begun.json()
    url = f"{BASE}/uploads/{known['id']}"
    assert known == {
        "id": known["id"],
        "path": "folder/model.onnx",
        "size": 10,
        "received": 0,
        "chunk_bytes": settings.SLIPWAY["CHUNK_BYTES"],
        "complete": False,
        "sha256": None,
    }
    assert rest.put(f"{url}?offset=0", b"01234", content_type=BYTES).json()["received"] == 5
    assert rest.get(url).json()["received"] == 5
    assert rest.put(f"{url}?offset=5", b"56789", content_type=BYTES).json()["received"] == 10
    digest = hashlib.sha256(b"0123456789").hexdigest()
    complete = rest.post(f"{url}/complete", {"sha256": digest})
    assert complete.status_code == 200
    assert complete.json() == known | {"received": 10, "complete": True, "sha256": digest}


def test_a_wrong_offset_is_answered_with_409_and_the_right_one(rest):
    url = f"{BASE}/uploads/{rest.post(f'{BASE}/uploads', {'path': 'm.bin', 'size': 10}).json()['id']}"
    rest.put(f"{url}?offset=0", b"01234", content_type=BYTES)
    response = rest.put(f"{url}?offset=3", b"34567", content_type=BYTES)
    assert response.status_code == 409
    assert response.json()["received"] == 5
    assert response.wsgi_request.read() == b""  # all of the chunk was read, so the connection can be used again
    assert first_error(response) == {
        "code": "wrong_offset",
        "detail": "This chunk starts at byte 3, but 5 bytes have arrived.",
        "attr": "offset",
        "hint": "Go on from byte 5.",
    }


@pytest.mark.parametrize("query", ["", "?offset=", "?offset=-1", "?offset=x", "?offset=1e3"])
def test_a_chunk_without_a_proper_offset_is_refused(rest, query):
    url = f"{BASE}/uploads/{rest.post(f'{BASE}/uploads', {'path': 'm.bin', 'size': 10}).json()['id']}"
    response = rest.put(f"{url}{query}", b"01234", content_type=BYTES)
    assert (response.status_code, first_error(response)["attr"]) == (400, "offset")


def test_three_gigabytes_announced_and_one_megabyte_sent_is_refused(rest, monkeypatch):
    monkeypatch.setattr("registry.uploads.shutil.disk_usage", lambda path: type("Usage", (), {"free": 10**12}))
    url = f"{BASE}/uploads/{rest.post(f'{BASE}/uploads', {'path': 'm.bin', 'size': 3 * 1000**3}).json()['id']}"
    rest.put(f"{url}?offset=0", bytes(1_000_000), content_type=BYTES)
    response = rest.post(f"{url}/complete", {})
    assert response.status_code == 400
    assert first_error(response)["detail"] == (
        "m.bin was announced with 3,000,000,000 bytes, but only 1,000,000 arrived. Nothing is kept."
    )
    assert rest.get(url).status_code == 404
    assert not Artifact.objects.exists()


@pytest.mark.parametrize(
    ("facts", "status", "attr"),
    [
        ({"path": "../m.onnx", "size": 5}, 400, "path"),
        ({"path": "a/../../m.onnx", "size": 5}, 400, "path"),
        ({"path": "m.onnx"}, 400, "size"),
        ({"path": "m.onnx", "size": -1}, 400, "size"),
        ({"path": "m.onnx", "size": "many"}, 400, "size"),
        ({"size": 5}, 400, "path"),
        ({"path": "m.onnx", "size": 5, "sha256": "short"}, 400, "sha256"),
        ({"path": "m.onnx", "size": 2**50}, 413, None),
    ],
)
def test_a_file_that_cannot_be_is_refused_when_announced(rest, facts, status, attr):
    response = rest.post(f"{BASE}/uploads", facts)
    assert (response.status_code, first_error(response)["attr"]) == (status, attr)
    assert not Upload.objects.exists()


def test_an_upload_is_given_up(rest):
    url = f"{BASE}/uploads/{rest.post(f'{BASE}/uploads', {'path': 'm.bin', 'size': 10}).json()['id']}"
    assert rest.delete(url).status_code == 204
    assert rest.get(url).status_code == 404


def test_uploads_are_seen_by_nobody_else(rest, api, alice, workspace, bob):
    upload = make_upload(workspace, bob)
    assert rest.get(f"{BASE}/uploads/{upload.pk}").status_code == 200
    assert api(alice).get(f"{BASE}/uploads/{upload.pk}").status_code == 404


# --- who may --------------------------------------------------------------------------------------


def test_a_viewer_may_look_and_not_touch(api, carol, workspace, bob):
    make_version(workspace, user=bob)
    rest = api(carol)
    for url in ("models", "models/iris", "models/iris/versions", "versions", "versions/iris:1"):
        assert rest.get(f"{BASE}/{url}").status_code == 200
    assert rest.post(f"{BASE}/uploads", {"path": "m.onnx", "size": 5}).status_code == 403
    assert rest.post(f"{BASE}/versions", {"name": "iris", "files": []}).status_code == 403
    assert rest.patch(f"{BASE}/versions/iris:1", {"description": "x"}).status_code == 403
    assert rest.delete(f"{BASE}/versions/iris:1").status_code == 403
    assert ModelVersion.objects.count() == 1


def test_a_reading_token_does_not_write(api, bob):
    response = api(bob, access="read").post(f"{BASE}/uploads", {"path": "m.onnx", "size": 5})
    assert response.status_code == 403


def test_an_expired_token_is_refused(api, bob):
    rest = api(bob)
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(days=1))
    response = rest.get(f"{BASE}/models")
    assert response.status_code == 401
    assert "expired" in first_error(response)["detail"]


def test_a_stranger_learns_nothing(api, mallory, workspace):
    make_version(workspace)
    for url in ("models", "versions/iris:1", "versions/iris:1/archive", "versions/iris:1/files/model.onnx"):
        assert api(mallory).get(f"{BASE}/{url}").status_code == 404


def test_a_version_of_another_workspace_is_not_found(rest, elsewhere):
    make_version(elsewhere)
    response = rest.get(f"{BASE}/versions/iris:1")
    assert response.status_code == 404
    assert first_error(response)["detail"] == "There is no model version 'iris:1' in vision."


# --- versions -------------------------------------------------------------------------------------


def test_a_version_is_registered_and_shown_whole(rest, send):
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
        "files": [
            {"path": "labels.txt", "size": 4, "sha256": hashlib.sha256(b"a\nb\n").hexdigest()},
            {"path": "model.onnx", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()},
        ],
        "created_by": "bob",
        "created_at": shown["created_at"],
        "services": [],
    }
    assert rest.get(f"{BASE}/versions/iris:latest").json() == shown


def test_tags_may_be_sent_as_they_are_typed(rest, send):
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
def test_bad_input_is_named_and_registers_nothing(rest, send, facts, attr, detail):
    response = rest.post(f"{BASE}/versions", {"name": "iris", "files": [send(b"x")]} | facts)
    assert response.status_code == 400
    assert first_error(response)["attr"] == attr
    assert detail in {None, first_error(response)["detail"]}
    assert not ModelVersion.objects.exists()


def test_what_is_not_json_is_refused_in_our_shape(rest):
    response = rest.post(f"{BASE}/versions", "{not json", content_type="application/json")
    assert response.status_code == 400
    assert first_error(response)["code"] == "parse_error"
    assert rest.post(f"{BASE}/versions", "<a/>", content_type="text/xml").status_code == 415


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


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


def test_a_version_is_edited_all_or_nothing(rest, workspace, bob):
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


def test_a_version_is_deleted_unless_a_service_uses_it(rest, workspace, bob):
    make_version(workspace, user=bob)
    serve(workspace, make_version(workspace, user=bob), "shop")
    assert rest.get(f"{BASE}/versions/iris:2").json()["services"] == ["shop"]
    refused = rest.delete(f"{BASE}/versions/iris:2")
    assert refused.status_code == 409
    assert first_error(refused)["code"] == "in_use"
    assert first_error(refused)["detail"] == "iris:2 is used by the service shop."
    assert rest.delete(f"{BASE}/versions/iris:1").status_code == 204
    assert rest.get(f"{BASE}/versions/iris:1").status_code == 404


def test_a_rejected_version_is_inspected_again(rest, workspace):
    make_version(workspace, state=VersionState.REJECTED, rejection={"message": "no"})
    assert rest.post(f"{BASE}/versions/iris:1/inspect").json()["state"] == "uploaded"
    assert rest.post(f"{BASE}/versions/iris:1/inspect").status_code == 409


# --- lists ----------------------------------------------------------------------------------------


def test_models_are_listed_with_their_newest_version(rest, workspace, bob):
    make_version(workspace, "digits", user=bob, tags={"area": "vision"})
    for _ in range(2):
        make_version(workspace, "iris", user=bob, tags={"area": "tabular"})
    listed = rest.get(f"{BASE}/models?sort=name").json()
    assert listed["count"] == 2
    assert [(row["name"], row["latest"]["id"], row["versions"]) for row in listed["results"]] == [
        ("digits", "digits:1", 1),
        ("iris", "iris:2", 2),
    ]
    found = rest.get(f"{BASE}/models", {"filter": "area=vision"}).json()["results"]
    assert [row["name"] for row in found] == ["digits"]
    assert rest.get(f"{BASE}/models/iris").json()["latest"]["id"] == "iris:2"
    assert [row["id"] for row in rest.get(f"{BASE}/models/iris/versions").json()["results"]] == ["iris:2", "iris:1"]


def test_a_filtered_model_names_its_newest_version_that_matches(rest, workspace, bob):
    for stage in ("live", "live", "draft"):
        make_version(workspace, "iris", user=bob, tags={"stage": stage})
    (row,) = rest.get(f"{BASE}/models", {"filter": "stage=live"}).json()["results"]
    assert (row["latest"]["id"], row["match"]["id"], row["match"]["tags"]) == ("iris:3", "iris:2", {"stage": "live"})
    (row,) = rest.get(f"{BASE}/models").json()["results"]
    assert row["match"]["id"] == "iris:3"
    assert rest.get(f"{BASE}/models/iris").json()["match"]["id"] == "iris:3"


def test_versions_are_listed_by_filter(rest, workspace, bob):
    make_version(workspace, user=bob, tags={"stage": "draft"})
    make_version(workspace, user=bob, tags={"stage": "ready"})
    found = rest.get(f"{BASE}/versions", {"filter": "stage=ready"}).json()["results"]
    assert [row["id"] for row in found] == ["iris:2"]


def test_a_filter_that_cannot_be_read_is_bad_input(rest):
    for url in ("models", "versions"):
        assert rest.get(f"{BASE}/{url}", {"filter": "(area=vision"}).status_code == 400
    assert rest.get(f"{BASE}/models", {"sort": "colour"}).status_code == 400


def test_a_model_that_is_not_there_is_not_found(rest):
    assert rest.get(f"{BASE}/models/iris").status_code == 404
    assert rest.get(f"{BASE}/models/iris/versions").status_code == 404


@pytest.mark.parametrize(("url", "queries"), [("models", 11), ("versions", 9), ("models/iris0/versions", 10)])
def test_lists_ask_the_same_few_questions_however_long(rest, workspace, bob, url, queries, django_assert_num_queries):
    def add(number):
        for name in ("iris0", f"iris{number}"):
            version = make_version(workspace, name, user=bob, tags={"a": "1", "b": "2"})
            serve(workspace, version, f"shop{number}")

    add(1)
    rest.get(f"{BASE}/{url}")  # the token notes its first use
    with django_assert_num_queries(queries):
        rest.get(f"{BASE}/{url}")
    for number in (2, 3, 4):
        add(number)
    with django_assert_num_queries(queries):
        assert rest.get(f"{BASE}/{url}").json()["count"] >= 4


# --- downloads ------------------------------------------------------------------------------------


@pytest.fixture
def iris(workspace, bob):
    return make_version(
        workspace, user=bob, files={"net/mödel.onnx": b"0123456789", "README.md": b"", "w.bin": b"w" * 700_000}
    )


def test_a_file_is_downloaded_and_never_shown(rest, iris):
    response = rest.get(f"{BASE}/versions/iris:1/files/net/mödel.onnx")
    assert body(response) == b"0123456789"
    assert response.headers["Content-Length"] == "10"
    assert response.headers["Content-Type"] == BYTES
    assert response.headers["Content-Disposition"] == "attachment; filename*=utf-8''m%C3%B6del.onnx"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert rest.get(f"{BASE}/versions/iris:1/files/other.onnx").status_code == 404
    assert body(rest.get(f"{BASE}/versions/iris:1/files/README.md")) == b""


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
def test_a_broken_download_goes_on_where_it_stopped(rest, iris, header, status, content, span):
    response = rest.get(f"{BASE}/versions/iris:1/files/net/mödel.onnx", headers={"Range": header})
    assert (response.status_code, body(response)) == (status, content)
    assert response.headers.get("Content-Range") == span
    assert response.headers["Content-Length"] == str(len(content))


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=5-3", "bytes=-0"])
def test_a_range_beyond_the_end_is_refused(rest, iris, header):
    response = rest.get(f"{BASE}/versions/iris:1/files/net/mödel.onnx", headers={"Range": header})
    assert (response.status_code, response.headers["Content-Range"]) == (416, "bytes */10")


def test_a_range_of_another_file_than_before_gives_the_whole(rest, iris):
    headers = {"Range": "bytes=2-4", "If-Range": '"another"'}
    response = rest.get(f"{BASE}/versions/iris:1/files/net/mödel.onnx", headers=headers)
    assert (response.status_code, body(response)) == (200, b"0123456789")


def test_everything_is_downloaded_as_one_archive(rest, iris):
    response = rest.get(f"{BASE}/versions/iris:1/archive")
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Content-Disposition"] == 'attachment; filename="iris-1.zip"'
    pieces = list(response.streaming_content)
    assert max(map(len, pieces)) < 300_000
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        found = {name: archive.read(name) for name in archive.namelist()}
    assert found == {"net/mödel.onnx": b"0123456789", "README.md": b"", "w.bin": b"w" * 700_000}
