"""Uploads over REST."""

import hashlib

import pytest
from django.conf import settings

from registry.models import Artifact, Upload
from tests.registry.factories import make_upload
from tests.registry.rest_answers import BASE, BYTES, first_error

pytestmark = pytest.mark.django_db


def test_file_is_declared_sent_in_chunks_and_completed(rest):
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


def test_wrong_offset_is_a_conflict_that_names_the_right_one(rest):
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
def test_chunk_without_a_valid_offset_is_rejected(rest, query):
    url = f"{BASE}/uploads/{rest.post(f'{BASE}/uploads', {'path': 'm.bin', 'size': 10}).json()['id']}"
    response = rest.put(f"{url}{query}", b"01234", content_type=BYTES)
    assert (response.status_code, first_error(response)["attr"]) == (400, "offset")


def test_upload_shorter_than_declared_is_rejected_on_completion(rest, monkeypatch):
    monkeypatch.setattr("registry.store.uploads.shutil.disk_usage", lambda path: type("Usage", (), {"free": 10**12}))
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
def test_invalid_declaration_is_rejected(rest, facts, status, attr):
    response = rest.post(f"{BASE}/uploads", facts)
    assert (response.status_code, first_error(response)["attr"]) == (status, attr)
    assert not Upload.objects.exists()


def test_deleted_upload_is_not_found(rest):
    url = f"{BASE}/uploads/{rest.post(f'{BASE}/uploads', {'path': 'm.bin', 'size': 10}).json()['id']}"
    assert rest.delete(url).status_code == 204
    assert rest.get(url).status_code == 404


def test_uploads_of_other_users_are_not_found(rest, api, alice, workspace, bob):
    upload = make_upload(workspace, bob)
    assert rest.get(f"{BASE}/uploads/{upload.pk}").status_code == 200
    assert api(alice).get(f"{BASE}/uploads/{upload.pk}").status_code == 404


def test_list_holds_one_s_own_unfinished_uploads_that_moved_last_first(rest, workspace, alice):
    make_upload(workspace, alice, "hers.bin", b"x")
    first, second = (rest.post(f"{BASE}/uploads", {"path": path, "size": 10}).json()["id"] for path in ("a", "b"))
    rest.put(f"{BASE}/uploads/{first}?offset=0", b"01234", content_type=BYTES)
    rows = rest.get(f"{BASE}/uploads").json()["results"]
    assert [(row["id"], row["received"]) for row in rows] == [(first, 5), (second, 0)]
    assert rows[0]["touched_at"] > rows[1]["touched_at"]
