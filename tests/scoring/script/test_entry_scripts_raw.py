"""Scripts that return their own responses, whole or streamed, and their failures."""

from contextlib import closing
from http.client import HTTPConnection

import pytest

from tests.scoring.conftest import KEY, request_bytes

SCRIPT = """
from azureml.contrib.services.aml_request import rawhttp
from azureml.contrib.services.aml_response import AMLResponse
from werkzeug.utils import send_file

closed = []

class Odd(Exception):
    def status(self):
        return "not a number"

def init():
    pass

@rawhttp
def run(request):
    how = request.args.get("how")
    if how == "closed":
        return AMLResponse(str(len(closed)), 200)
    if how == "conditional":
        return send_file(__file__, request.environ, "text/plain", etag="one")
    response = AMLResponse(parts(how), 200)
    response.call_on_close(lambda: closed.append(how))
    return response

def parts(how):
    if how == "number":
        yield 7
    if how == "early":
        raise ValueError("before the first part")
    yield b"one "
    if how == "odd":
        raise Odd("in the middle")
    yield "two"
"""


@pytest.fixture
def server(replica):
    return replica.with_script(SCRIPT).start(processes=1)


def test_raw_stream_is_sent_and_closed(server):
    assert server.client.get("/score?how=good").text == "one two"
    server.until(lambda: server.client.get("/score?how=closed").text == "1")


@pytest.mark.parametrize(("how", "words"), [("early", "ValueError: before the first"), ("number", "of type int")])
def test_error_before_the_first_part_is_a_failure_of_the_script(server, how, words):
    answer = server.client.get(f"/score?how={how}")
    assert (answer.status_code, answer.json()["code"]) == (500, "script_failed")
    assert words in answer.json()["message"]
    server.until(lambda: server.client.get("/score?how=closed").text == "1")


def test_error_in_a_raw_stream_aborts_the_response(server):
    with server.connect() as line:
        line.sendall(request_bytes(b"", "/score?how=odd"))
        with line.makefile("rb") as file:
            told = file.read()  # to its end: the connection is closed
    assert told.startswith(b"HTTP/1.1 200")
    assert told.endswith(b"4\r\none \r\n")
    assert server.client.get("/score?how=good").text == "one two"


def test_bodyless_response_leaves_the_connection_in_sync(server):
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        assert ask(connection, "conditional") == (200, SCRIPT.encode())
        assert ask(connection, "conditional", {"If-None-Match": '"one"'}) == (304, b"")
        assert ask(connection, "closed") == (200, b"0")


def ask(connection, how, headers=None):
    connection.request("GET", f"/score?how={how}", headers={"Authorization": f"Bearer {KEY}"} | (headers or {}))
    answer = connection.getresponse()
    return answer.status, answer.read()
