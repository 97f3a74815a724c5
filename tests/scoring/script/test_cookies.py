"""Cookies know no ports: those of the studio, and of other services on this host, are none of a script's business."""

SCRIPT = """
from azureml.contrib.services.aml_request import rawhttp
from azureml.contrib.services.aml_response import AMLResponse

def init():
    pass

@rawhttp
def run(request):
    seen = repr(sorted(request.environ.items())) + repr(request.headers) + repr(request.cookies)
    return AMLResponse(seen, 200, response_headers={"Set-Cookie": "sessionid=planted", "X-Own": "kept"})
"""
HEADERS_SCRIPT = """
def init():
    pass

def run(data, request_headers):
    return request_headers
"""
COOKIE = {"Cookie": "sessionid=secret-of-the-studio", "X-Tenant": "seven"}


def test_a_raw_script_sees_and_sets_no_cookies(replica):
    answer = replica.with_script(SCRIPT).start().client.get("/score", headers=COOKIE)

    assert "secret-of-the-studio" not in answer.text
    assert "seven" in answer.text
    assert ("set-cookie" in answer.headers, answer.headers["x-own"]) == (False, "kept")


def test_request_headers_hold_no_cookies(replica):
    server = replica.with_script(HEADERS_SCRIPT).start()
    for _ in range(2):  # the second request's head comes from the cache
        answer = server.score("{}", headers=COOKIE)
        assert "secret-of-the-studio" not in answer.text
        assert answer.json()["X-Tenant"] == "seven"
