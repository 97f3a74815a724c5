"""Which pages of other sites may call a service from a browser."""

import pytest

from tests.scoring.conftest import double_model

PAGE, STRANGER = "https://shop.example", "https://evil.example"
GOOD = {"data": [[1, 2, 3, 4]]}


@pytest.fixture(scope="module")
def server(shared_replica):
    return shared_replica.with_models(double=double_model).start(cors_origins=[PAGE, "http://localhost:3000/"])


def preflight(server, origin, path="/score", **headers):
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Authorization": ""} | headers
    return server.client.options(path, headers=asked)


def allowed(answer):
    return answer.headers.get_list("access-control-allow-origin")


def test_preflight_needs_no_key(server):
    asked = {"Access-Control-Request-Headers": "authorization,content-type,x-tenant"}
    answer = preflight(server, PAGE, **asked)
    assert (answer.status_code, allowed(answer), answer.content) == (200, [PAGE], b"")
    assert answer.headers["access-control-allow-methods"] == "GET, POST"
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type,x-tenant"
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers


def test_other_origin_gets_no_cors_headers(server):
    answer = preflight(server, STRANGER)
    assert (answer.status_code, allowed(answer)) == (401, [])
    answer = server.score(GOOD, headers={"Origin": STRANGER})
    assert (answer.status_code, allowed(answer), answer.headers["vary"]) == (200, [], "Origin")


@pytest.mark.parametrize("origin", [PAGE, "http://localhost:3000"])
def test_allowed_origin_gets_cors_headers(server, origin):
    answer = server.score(GOOD, headers={"Origin": origin})
    assert (answer.status_code, allowed(answer)) == (200, [origin])
    assert "x-request-id" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize(("body", "key", "status"), [("{", None, 400), ("{}", "wrong", 401)])
def test_errors_carry_cors_headers(server, body, key, status):
    headers = {"Origin": PAGE} | ({"Authorization": f"Bearer {key}"} if key else {})
    answer = server.score(body, headers=headers)
    assert (answer.status_code, allowed(answer)) == (status, [PAGE])


def test_preflight_gives_no_access_without_key(server):
    assert server.client.post("/score", json=GOOD, headers={"Origin": PAGE, "Authorization": ""}).status_code == 401
    assert preflight(server, PAGE, path="/nowhere").status_code == 404


def test_no_cors_headers_by_default(replica):
    replica.with_models(double=double_model).start()
    answer = replica.score(GOOD, headers={"Origin": PAGE})
    assert (answer.status_code, allowed(answer), "vary" in answer.headers) == (200, [], False)
    assert preflight(replica, PAGE).status_code == 401


def test_azure_cors_variable_is_read(replica, monkeypatch):
    monkeypatch.setenv("AML_CORS_ORIGINS", f"{PAGE}, https://other.example")
    replica.with_models(double=double_model).start()
    assert allowed(replica.score(GOOD, headers={"Origin": "https://other.example"})) == ["https://other.example"]


def test_star_allows_every_origin(replica):
    replica.with_models(double=double_model).start(cors_origins=["*"])
    answer = replica.score(GOOD, headers={"Origin": STRANGER})
    assert (allowed(answer), "vary" in answer.headers) == (["*"], False)
    assert preflight(replica, STRANGER).status_code == 200


def test_script_cors_headers_do_not_duplicate_configured_ones(replica):
    script = """
from azureml.contrib.services.aml_request import rawhttp
from azureml.contrib.services.aml_response import AMLResponse
def init(): pass
@rawhttp
def run(request):
    return AMLResponse(request.method, 200, {"Access-Control-Allow-Origin": "*", "X-Mine": "1"})
"""
    replica.with_script(script).start(cors_origins=[PAGE])
    answer = replica.score("{}", headers={"Origin": PAGE})
    assert (answer.text, allowed(answer), answer.headers["x-mine"]) == ("POST", [PAGE], "1")
    assert preflight(replica, PAGE).content == b""
    assert replica.client.options("/score").text == "OPTIONS"
