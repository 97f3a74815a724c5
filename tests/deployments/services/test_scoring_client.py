"""A test call over a real connection: the request it sends, and its limits."""

import socketserver
import threading
import time
from contextlib import contextmanager, suppress
from itertools import takewhile

import pytest

from deployments.errors import ServiceNotAnswering
from deployments.models import Service
from deployments.services import scoring_client

pytestmark = pytest.mark.django_db
SCORE = "/api/v1/workspaces/vision/services/iris/score"
DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Answering(socketserver.StreamRequestHandler):
    """Records the head of the request, then sends the server's `pieces`, one every 50 ms."""

    def handle(self):
        self.server.heads.append(b"".join(takewhile(bytes.strip, self.rfile)))
        with suppress(OSError):  # the caller has hung up
            for piece in self.server.pieces:
                self.wfile.write(piece)
                time.sleep(0.05)


@contextmanager
def serving():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads, server.pieces, server.heads = True, [DONE], []
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        try:
            yield server
        finally:
            server.shutdown()


@pytest.fixture
def server(service):
    """An HTTP server in place of the service."""
    with serving() as server:
        Service.objects.update(port=server.server_address[1])
        service.refresh_from_db()
        yield server


@pytest.mark.parametrize(
    ("begin", "piece"), [(b"HTTP/1.1 200 OK\r\n\r\n", b"[1]"), (b"HTTP/1.1 200 OK\r\n", b"X-Part: 1\r\n")]
)
def test_endless_response_times_out(service, server, monkeypatch, begin, piece):
    monkeypatch.setattr(scoring_client, "ANSWER_SECONDS", 0.3)
    server.pieces = [begin, *[piece] * 40]
    with pytest.raises(ServiceNotAnswering):
        scoring_client.score(service, b"{}")


@pytest.mark.parametrize("pieces", [[], [b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"]])
def test_connection_closed_without_a_response_hints_at_the_log(service, server, pieces):
    server.pieces = pieces
    with pytest.raises(ServiceNotAnswering) as caught:
        scoring_client.score(service, b"{}")
    assert caught.value.message == "iris ended the connection without an answer."
    assert caught.value.hint == "A process of it may have ended, for want of memory for instance. Read its log."


def test_response_in_several_pieces_is_assembled(service, server):
    server.pieces = [DONE[:20], DONE[20:-1], DONE[-1:]]
    result = scoring_client.score(service, b"")
    assert (result.status, result.body) == (200, b"{}")


def test_empty_body_has_content_length_zero(api, bob, server):
    answer = api(bob).generic("POST", SCORE, content_type="application/json")
    assert (answer.status_code, answer.content) == (200, b"{}")
    assert b"content-length: 0" in server.heads[0].lower()


def test_content_headers_are_forwarded_unchanged(api, bob, server):
    assert api(bob).generic("POST", SCORE, content_type="text/plain; name=\xe9").status_code == 200
    assert b"text/plain; name=\xe9" in server.heads[0]


@pytest.mark.parametrize("path", ["/score%0a", "/score%00", "/v2/" + "x" * 70_000])
def test_invalid_path_is_bad_input(api, bob, server, path):
    answer = api(bob).generic("POST", f"{SCORE}?path={path}")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "bad_input")
    assert server.heads == []


def test_neither_a_redirect_nor_a_proxy_takes_the_request_elsewhere(service, server, monkeypatch):
    with serving() as elsewhere:
        address = f"http://127.0.0.1:{elsewhere.server_address[1]}"
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, address)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        server.pieces = [f"HTTP/1.1 307 Moved\r\nLocation: {address}/\r\nContent-Length: 0\r\n\r\n".encode()]
        assert scoring_client.score(service, b"{}").status == 307
        assert (len(server.heads), elsewhere.heads) == (1, [])


def test_service_that_may_sleep_is_called_through_the_front(service, server, settings):
    service.scaling = {"min_replicas": 0, "max_replicas": 2}
    scoring_client.score(service, b"{}")
    settings.FRONT = settings.FRONT | {"enabled": True, "url": f"http://127.0.0.1:{server.server_address[1]}"}
    scoring_client.score(service, b"{}")
    asked = [head.split(b" ")[1] for head in server.heads]
    assert asked == [b"/score", b"/vision/iris/score"]
