"""Unreadable bodies at every address: always a client error, never 500."""

import pytest
from django.test import Client

from studio.accounts.models import Access
from studio.people.tokens import create_token
from tests.routes import all_routes

pytestmark = pytest.mark.django_db

LIMIT = 2**17  # bytes, in place of 16 MB
JSON, FORM, PARTS = "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"


def parts(count, *, kind=""):
    one = f'--b\r\nContent-Disposition: form-data; name="a"{kind}\r\n\r\nx\r\n'
    return (one * count + "--b--\r\n").encode()


BODIES = {
    "deep": (b"[" * 100_000, JSON),
    "deep object": (b'{"name":' * 5_000 + b"1" + b"}" * 5_000, JSON),
    "too large": (b'"' + b" " * LIMIT + b'"', JSON),
    "too large form": (b"a=" + b"x" * LIMIT, FORM),
    "1,001 fields": (b"a=1&" * 1001, FORM),
    "1,001 parts": (parts(1001), PARTS),
    "1,001 files": (parts(1001, kind='; filename="f"'), PARTS),
    "no boundary": (b"--b\r\n", "multipart/form-data"),
    "wrong boundary": (parts(1), "multipart/form-data; boundary=\xff\xfe"),
    "parts broken off": (b'--b\r\nContent-Disposition: form-data; name="a', PARTS),
    "bad base64 part": (
        b'--b\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64\r\n\r\n!\r\n--b--',
        PARTS,
    ),
    "charset that is none": (b"a=%e9", f"{FORM}; charset=rot13"),
    "charset that packs": (b"a=%e9", f"{FORM}; charset=zlib"),
    "JSON in another charset": (b'{"name": "x"}', f"{JSON}; charset=base64"),
    "no UTF-8": (b'{"name": "\xff"}', JSON),
    "NUL": (b"username=a%00b&password=%00&name=%00", FORM),
    "half a character": (b'{"name": "\\ud800", "username": "\\ud800"}', JSON),
    "NUL in JSON": (b'{"name": "\\u0000", "username": "\\u0000"}', JSON),
    "1e400": (b'{"size": 1e400, "days": 1e400}', JSON),
    "5,000 digits": (b'{"size": ' + b"9" * 5000 + b"}", JSON),
    "large numbers": (b'{"size": 1e30, "days": 99999999999999999999, "files": [1e300], "path": "a"}', JSON),
    "name twice": (b'{"name": 1, "name": 2}', JSON),
    "a list": (b"[1]", JSON),
    "a number": (b"7", JSON),
    "null": (b"null", JSON),
    "wrong types": (
        b'{"name": [], "files": {"a": 1}, "path": 1.5, "size": "x", "username": {}, "password": [], "days": [],'
        b' "model": 1, "models": "x", "config": [], "deployment_config": [1], "tags": 7, "properties": [],'
        b' "target": {}, "stage": {}, "packages": 1, "python": {}, "role": [], "slug": 1, "sha256": 7}',
        JSON,
    ),
    "another kind": (b"<a/>", "application/xml"),
    "no kind": (b"\x00\xff", ""),
}
WRITES = [(route, method) for route in all_routes() for method in route.unsafe_methods()]


@pytest.fixture(autouse=True)
def _small_limit(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = LIMIT


@pytest.mark.parametrize(("route", "method"), [pytest.param(*case, id=f"{case[1]} {case[0]}") for case in WRITES])
def test_unreadable_body_is_a_client_error(route, method, workspace, alice):
    inside = Client(raise_request_exception=False)
    inside.force_login(alice)
    if route.is_rest:
        _, secret = create_token(alice, workspace, name="t", access=Access.WRITE, days=1)
        inside = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {secret}"})
    for name, (body, kind) in BODIES.items():
        if route.is_rest or kind.startswith((FORM, "multipart")):
            answer = inside.generic(method, route.path(), body, content_type=kind)
            assert answer.status_code != 500, (name, answer.content[:300])


@pytest.mark.parametrize("address", ["/api/v1/sign-in", "/api/v1/telemetry", "/sign-in/", "/w/vision/deploy/"])
def test_unreadable_body_of_an_unauthenticated_client_is_a_client_error(address, workspace):
    unauthenticated = Client(raise_request_exception=False)
    for name, (body, kind) in BODIES.items():
        answer = unauthenticated.generic("POST", address, body, content_type=kind)
        assert answer.status_code != 500, (name, answer.content[:300])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("deep", 400),
        ("too large", 413),
        ("1,001 fields", 415),
        ("1,001 parts", 415),
        ("half a character", 400),
        ("5,000 digits", 400),
    ],
)
def test_sign_in_over_rest_explains_an_unreadable_body(client, body, status):
    content, kind = BODIES[body]

    answer = client.post("/api/v1/sign-in", content, content_type=kind)

    assert answer.status_code == status
    assert answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("body", "status"), [("too large form", 413), ("1,001 fields", 400), ("1,001 files", 400), ("no boundary", 400)]
)
def test_pages_explain_an_unreadable_body(client, body, status):
    content, kind = BODIES[body]

    answer = client.post("/sign-in/", content, content_type=kind)

    assert answer.status_code == status
    assert "text/html" in answer.headers["content-type"]
    assert "500" not in answer.content.decode()


def test_rest_takes_json_only(client):
    document = client.get("/api/v1/openapi.json", HTTP_ACCEPT="application/json").json()

    kinds = {
        (path, kind)
        for path, methods in document["paths"].items()
        for call in methods.values()
        if isinstance(call, dict)
        for kind in call.get("requestBody", {}).get("content", {})
    }
    assert {kind for _, kind in kinds} == {"application/json", "application/octet-stream"}
