"""The web server over raw sockets: slow, silent, disconnecting and pipelining clients."""

import contextlib
import hashlib
import json
import socket

import httpx
import pytest

from tests.stack import PASSWORD

CLIENTS = 60
SIGN_IN = b"POST /api/v1/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def connect(stack, *sent):
    one = socket.create_connection(("127.0.0.1", stack.port), timeout=60)
    for piece in sent:
        one.sendall(piece)
    return one


@contextlib.contextmanager
def many(stack, *sent):
    with contextlib.ExitStack() as all_of_them:
        yield [all_of_them.enter_context(contextlib.closing(connect(stack, *sent))) for _ in range(CLIENTS)]


def answer_of(one):
    """Everything until the server closes."""
    return b"".join(iter(lambda: one.recv(65536), b""))


def still_open(one):
    one.setblocking(False)
    try:
        return one.recv(1) != b""
    except BlockingIOError:
        return True
    finally:
        one.setblocking(True)
        one.settimeout(60)


@pytest.fixture(scope="module")
def token(stack):
    answer = httpx.post(stack.url("/api/v1/sign-in"), json={"username": "admin", "password": PASSWORD}, timeout=60)
    return answer.json()["token"]


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(SIGN_IN + b"Content-Length: 1000\r\n\r\n{", id="slow bodies"),
        pytest.param(SIGN_IN + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", id="slow chunks"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nContent-Length: 9\r\n\r\n", id="a body where none belongs"),
        pytest.param(b"POST /api/v1/sign-in HTTP/1.1\r\nHost: loc", id="slow headers"),
    ],
)
def test_pages_are_served_beside_many_slow_clients(stack, sent):
    with many(stack, sent) as slow_clients:
        for _ in range(3):
            assert httpx.get(stack.url("/healthz"), timeout=60).status_code == 200
            assert httpx.get(stack.url("/sign-in/"), timeout=60).status_code == 200
            answered = httpx.post(stack.url("/api/v1/sign-in"), json={"username": "nobody"}, timeout=60)
            assert answered.status_code == 400
        assert any(still_open(one) for one in slow_clients)


def test_slow_client_gets_an_error_and_is_disconnected(stack):
    with contextlib.closing(connect(stack, SIGN_IN, b"Content-Length: 1000\r\n\r\n{")) as slow:
        head, _, body = answer_of(slow).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in head.lower()
    assert json.loads(body)["errors"][0]["code"] == "too_slow"


@pytest.mark.parametrize(("headers", "status"), [({}, 413), ({"Authorization": "Bearer slw_wrong"}, 401)])
def test_large_body_of_an_unauthenticated_client_is_refused_unread(stack, headers, status):
    answer = httpx.post(stack.url("/api/v1/sign-in"), content=b" " * 20_000_000, headers=headers, timeout=60)

    assert answer.status_code == status


def test_unauthenticated_client_gets_413_instead_of_100_continue(stack):
    with contextlib.closing(connect(stack, SIGN_IN, b"Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n")) as asks:
        answer = answer_of(asks)

    assert b" 413 " in answer


def test_uploading_client_gets_100_continue_and_resumes_after_an_interruption(stack, token):
    data = bytes(range(256)) * 4096 * 3
    with httpx.Client(
        base_url=stack.url("/api/v1/workspaces/default/"), headers={"Authorization": f"Bearer {token}"}, timeout=60
    ) as client:
        upload = client.post("uploads", json={"path": "a.bin", "size": len(data)}).json()
        head = (
            f"PUT /api/v1/workspaces/default/uploads/{upload['id']}?offset=0 HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Length: {len(data)}\r\nExpect: 100-continue\r\n\r\n"
        ).encode()
        with contextlib.closing(connect(stack, head)) as one:
            assert one.recv(100).startswith(b"HTTP/1.1 100 ")
            one.sendall(data[:400_000])  # and gone

        assert client.get(f"uploads/{upload['id']}").json()["received"] == 0
        sent = client.put(
            f"uploads/{upload['id']}",
            params={"offset": 0},
            content=iter([data[:1_000_000], data[1_000_000:]]),
            headers={"Content-Type": "application/octet-stream"},
        )
        assert sent.json()["received"] == len(data)
        done = client.post(f"uploads/{upload['id']}/complete", json={"sha256": hashlib.sha256(data).hexdigest()})
        assert done.status_code == 200


def test_slow_downloads_complete_and_do_not_block_other_clients(stack, token):
    data = bytes(range(256)) * 65536  # more than sockets hold
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=stack.url("/api/v1/workspaces/default/"), headers=headers, timeout=60) as client:
        ids = []
        for name in ("a.bin", "b.bin"):
            upload = client.post("uploads", json={"path": name, "size": len(data)}).json()
            for offset in range(0, len(data), 8 * 1024**2):
                client.put(
                    f"uploads/{upload['id']}",
                    params={"offset": offset},
                    content=data[offset : offset + 8 * 1024**2],
                    headers={"Content-Type": "application/octet-stream"},
                )
            client.post(f"uploads/{upload['id']}/complete", json={})
            ids.append(upload["id"])
        made = client.post("versions", json={"name": "large", "files": ids})
        assert made.status_code == 201, made.text

    asked = (
        "GET /api/v1/workspaces/default/versions/large:1/{} HTTP/1.1\r\n"
        "Host: localhost\r\nAuthorization: Bearer {}\r\n\r\n"
    )
    with (
        many(stack, asked.format("files/a.bin", token).encode()) as readers,
        many(stack, asked.format("archive", token).encode()),
    ):
        for one in readers:
            assert one.recv(15).startswith(b"HTTP/1.1 200")
        for _ in range(3):
            assert httpx.get(stack.url("/healthz"), timeout=60).status_code == 200
        slow, rest = readers[0], b""
        while len(rest.partition(b"\r\n\r\n")[2]) < len(data):
            rest += slow.recv(65536)

    assert rest.partition(b"\r\n\r\n")[2] == data


def test_connection_stays_open_after_a_rejected_body(stack):
    with httpx.Client(base_url=stack.url(""), timeout=60) as client:
        for _ in range(20):
            assert client.put("/api/v1/workspaces/default/uploads/x", content=b" " * 2000).status_code in {401, 404}
            assert client.get("/healthz").status_code == 200
