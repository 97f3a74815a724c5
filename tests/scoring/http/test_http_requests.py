"""HTTP as clients really speak it: keep-alive, pipelining, chunks, and protocol violations."""

import contextlib
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.scoring.conftest import SECOND_KEY, double_model, read_answers, request_bytes

GOOD = json.dumps({"data": [[1, 2, 3, 4]]}).encode()
ANSWER = {"data": [[2.0, 4.0, 6.0, 8.0]]}


@pytest.fixture(scope="module")
def server(shared_replica):
    return shared_replica.with_models(double=double_model).start(max_body_bytes=1_000_000, processes=2)


@pytest.fixture
def connection(server):
    with server.connect() as opened:
        yield opened


def row(first):
    return json.dumps({"data": [[first, 0, 0, 0]]}).encode()


def is_closed(connection) -> bool:
    """Whether the server has closed its side; what it still sent is discarded."""
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(65536):
            pass
    return True


def test_connection_carries_many_requests(connection):
    for number in range(20):
        connection.sendall(request_bytes(row(number)))
        [(status, _, body)] = read_answers(connection)
        assert (status, json.loads(body)["data"][0][0]) == (200, 2.0 * number)


def test_pipelined_requests_are_answered_in_order(connection):
    connection.sendall(b"".join(request_bytes(row(number)) for number in range(100)))
    answers = read_answers(connection, 100)
    assert [json.loads(body)["data"][0][0] for _, _, body in answers] == [2.0 * number for number in range(100)]


def test_request_may_arrive_byte_by_byte(connection):
    for byte in request_bytes(GOOD):
        connection.sendall(bytes([byte]))
    assert json.loads(read_answers(connection)[0][2]) == ANSWER


def test_chunked_body_is_joined(connection):
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (GOOD[:5], GOOD[5:6], GOOD[6:])) + b"0\r\n\r\n"
    connection.sendall(request_bytes(b"", "/score", "Transfer-Encoding: chunked") + chunks)
    assert json.loads(read_answers(connection)[0][2]) == ANSWER


def test_chunked_body_beyond_limit_is_413(connection):
    head = request_bytes(b"", "/score", "Transfer-Encoding: chunked")
    part = b"%x\r\n%b\r\n" % (100_000, b" " * 100_000)
    connection.sendall(head + part * 11)
    assert read_answers(connection)[0][0] == 413


def test_expect_continue_is_answered(connection):
    head = request_bytes(b"", "/score", "Expect: 100-continue", f"Content-Length: {len(GOOD)}")
    connection.sendall(head)
    assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(GOOD)
    assert json.loads(read_answers(connection)[0][2]) == ANSWER


def test_expect_continue_without_key_is_401_before_body(connection):
    connection.sendall(request_bytes(b"", "/score", "Expect: 100-continue", "Content-Length: 2000000"))
    status, headers, _ = read_answers(connection)[0]
    assert (status, headers["connection"]) == (413, "close")


def test_unauthenticated_large_body_is_rejected_unread(connection):
    connection.sendall(request_bytes(b"", "/score", "Content-Length: 900000", key="wrong"))
    assert read_answers(connection)[0][0] == 401


def test_unauthenticated_chunked_body_is_rejected_unread(connection):
    connection.sendall(request_bytes(b"", "/score", "Transfer-Encoding: chunked", key="wrong"))
    assert read_answers(connection)[0][0] == 401


def test_trailers_do_not_change_the_request(server, connection):
    trailers = b"Authorization: Bearer wrong\r\nX-Request-Id: late\r\n\r\n"
    head = request_bytes(b"", "/score", "Transfer-Encoding: chunked", "X-Request-Id: early")
    connection.sendall(head + b"%x\r\n%b\r\n0\r\n" % (len(GOOD), GOOD) + trailers)
    status, headers, body = read_answers(connection)[0]
    assert (status, headers["x-request-id"], json.loads(body)) == (200, "early", ANSWER)
    assert server.score(GOOD).json() == ANSWER


@pytest.mark.parametrize("line", [b"X-%d: " + b"a" * 1000 + b"\r\n", b"%d" + b"a" * 1000])
def test_trailers_are_limited(connection, line):
    head = request_bytes(b"", "/score", "Transfer-Encoding: chunked")
    connection.sendall(head + b"%x\r\n%b\r\n0\r\nX: " % (len(GOOD), GOOD))
    with contextlib.suppress(OSError):
        for number in range(400):
            connection.sendall(line % number)
    assert read_answers(connection)[0][0] == 431


def test_body_in_many_small_chunks_is_read(connection):
    """More bytes around the pieces than headers may have, each in a packet of its own."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    body = GOOD + b" " * 15_000
    connection.sendall(request_bytes(b"", "/score", "Transfer-Encoding: chunked"))
    for byte in body:
        connection.sendall(b"1\r\n")
        connection.sendall(bytes([byte]) + b"\r\n")
    connection.sendall(b"0\r\n\r\n")
    assert json.loads(read_answers(connection)[0][2]) == ANSWER


def test_client_can_read_413_for_a_huge_body(connection):
    connection.sendall(request_bytes(b"", "/score", "Content-Length: 50000000"))
    with contextlib.suppress(OSError):
        for _ in range(50):
            connection.sendall(b" " * 100_000)
    assert read_answers(connection)[0][0] == 413


def test_headers_are_limited(connection):
    with contextlib.suppress(OSError):
        connection.sendall(request_bytes(GOOD, "/score", f"X-Long: {'a' * 70_000}"))
    assert read_answers(connection)[0][0] == 431


def test_address_is_limited(connection):
    with contextlib.suppress(OSError):
        connection.sendall(b"GET /" + b"a" * 200_000)
    assert read_answers(connection)[0][0] == 431


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GARBAGE / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nNo colon\r\n\r\n",
        b"POST /score HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /score HTTP/1.1\r\nContent-Length: -3\r\n\r\n",
        request_bytes(b"", "/score", "Transfer-Encoding: chunked") + b"zz\r\n",
    ],
)
def test_invalid_http_is_400_and_closes(server, connection, sent):
    connection.sendall(sent)
    status, _, body = read_answers(connection)[0]
    assert (status, json.loads(body)["code"]) == (400, "bad_http")
    assert is_closed(connection)
    assert server.score(GOOD).status_code == 200


def test_only_health_needs_no_key(server):
    no_key = {"Authorization": ""}
    assert server.client.get("/", headers=no_key).text == "Healthy"
    assert server.client.get("/v2/health/live", headers=no_key).json() == {"live": True}
    assert server.client.get("/v2/health/ready", headers=no_key).json() == {"ready": True}
    for path in ("/score", "/swagger.json", "/metrics", "/v2", "/v2/models/double"):
        answer = server.client.get(path, headers=no_key)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="scoring"')


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer", "Basic Zmlyc3Qta2V5", "first-key", "Bearer é"])
def test_wrong_key_is_401(server, header):
    answer = server.score(GOOD, headers={"Authorization": header.encode("latin-1")})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_both_keys_are_accepted(server):
    assert server.score(GOOD, headers={"Authorization": f"Bearer {SECOND_KEY}"}).json() == ANSWER


def test_unknown_methods_and_addresses_are_405_and_404(server):
    assert server.client.delete("/score").status_code == 405
    assert server.client.put("/").headers["allow"] == "GET, HEAD"
    answer = server.client.get("/nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert server.client.get("/v2/nowhere").json()["error"]
    options = server.client.options("/score")
    assert (options.status_code, options.headers["allow"]) == (200, "GET, POST")


def test_head_response_has_length_without_body(server):
    answer = server.client.head("/")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "7", b"")


def test_request_ids_are_generated_and_echoed(server):
    own = server.score(GOOD)
    assert len(own.headers["x-request-id"]) == 36
    assert own.headers["x-request-id"] != server.score(GOOD).headers["x-request-id"]
    sent = {"x-request-id": "mine", "x-ms-client-request-id": "client"}
    headers = server.score(GOOD, headers=sent).headers
    assert (headers["x-request-id"], headers["x-ms-request-id"]) == ("mine", "mine")
    assert headers["x-ms-client-request-id"] == "client"
    assert headers["x-ms-run-function-failed"] == "False"
    assert float(headers["x-ms-run-fn-exec-ms"]) > 0
    assert "traceid" not in headers


def test_both_request_id_headers_and_trace_id_are_echoed(server):
    sent = {"x-request-id": "new", "x-ms-request-id": "old", "TraceId": "trace"}
    headers = server.score(GOOD, headers=sent).headers
    assert {name: headers[name] for name in sent} == sent
    assert server.score(GOOD, headers={"x-ms-request-id": "old"}).headers["x-request-id"] == "old"


@pytest.mark.parametrize("name", ["x-request-id", "x-ms-request-id", "x-ms-client-request-id"])
def test_too_long_request_id_is_431(server, name):
    answer = server.score(GOOD, headers={"x-request-id": "mine"} | {name: "a" * 101})
    assert (answer.status_code, answer.json()["code"]) == (431, "id_too_long")


def test_error_response_carries_request_id(server):
    headers = {"X-Request-Id": "mine", "Content-Encoding": "br"}
    refused = server.score(GOOD, headers=headers)
    assert (refused.status_code, refused.headers["x-request-id"]) == (415, "mine")


def test_connection_close_is_honoured(server, connection):
    connection.sendall(request_bytes(GOOD, "/score", "Connection: close"))
    status, headers, _ = read_answers(connection)[0]
    assert (status, headers["connection"]) == (200, "close")
    assert is_closed(connection)


def test_http_1_0_connection_closes_unless_keep_alive(server):
    old = request_bytes(GOOD).replace(b"HTTP/1.1", b"HTTP/1.0")
    with server.connect() as connection:
        connection.sendall(old)
        assert read_answers(connection)[0][1]["connection"] == "close"
        assert is_closed(connection)
    with server.connect() as connection:
        staying = old.replace(b"Host: test", b"Host: test\r\nConnection: keep-alive")
        for _ in range(2):
            connection.sendall(staying)
            assert read_answers(connection)[0][1]["connection"] == "keep-alive"


def test_half_closed_client_gets_its_response(connection):
    connection.sendall(request_bytes(GOOD))
    connection.shutdown(socket.SHUT_WR)
    assert json.loads(read_answers(connection)[0][2]) == ANSWER


UPGRADE = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")


def test_upgrade_is_ignored(connection):
    """curl --http2 and Java's own client offer it with every request."""
    connection.sendall(request_bytes(b"", "/", *UPGRADE, method="GET"))
    assert read_answers(connection)[0][2] == b"Healthy"
    connection.sendall(request_bytes(GOOD, "/score", *UPGRADE) + request_bytes(row(7), "/score", *UPGRADE))
    first, second = read_answers(connection, 2)
    assert (first[0], json.loads(first[2])) == (200, ANSWER)
    assert json.loads(second[2])["data"][0][0] == 14.0


def test_upgrade_with_chunked_body_may_arrive_in_parts(connection):
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD)
    for byte in request_bytes(b"", "/score", *UPGRADE, "Transfer-Encoding: chunked") + chunks:
        connection.sendall(bytes([byte]))
    assert json.loads(read_answers(connection)[0][2]) == ANSWER


def test_limits_apply_to_requests_with_upgrade(server, connection):
    connection.sendall(request_bytes(b"", "/score", *UPGRADE, "Content-Length: 2000000"))
    assert read_answers(connection)[0][0] == 413
    with server.connect() as unauthenticated:
        unauthenticated.sendall(request_bytes(GOOD, "/score", *UPGRADE, key="wrong"))
        assert read_answers(unauthenticated)[0][0] == 401


def test_connect_opens_no_tunnel(connection):
    connection.sendall(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n" + GOOD)
    assert read_answers(connection)[0][0] in (404, 405)
    assert is_closed(connection)


def test_connection_resets_do_not_affect_others(server):
    answers, stop, whole = [], threading.Event(), request_bytes(GOOD)

    def keep_asking():
        with server.connect() as connection:
            while not stop.is_set():
                connection.sendall(whole)
                answers.append(json.loads(read_answers(connection)[0][2]))

    def goes_on():
        seen = len(answers)
        server.until(lambda: len(answers) > seen or asking.done(), 10)

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(keep_asking)
        try:
            goes_on()
            for cut in range(150):
                with server.connect() as resetting:
                    resetting.sendall(whole[: cut * len(whole) // 150])
                    if cut % 2:
                        resetting.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # with a reset
            goes_on()
        finally:
            stop.set()
        asking.result()
    assert all(answer == ANSWER for answer in answers)
    assert "restarts" not in server.status()  # zero is left out


def test_client_that_never_reads_is_throttled(server):
    with server.connect() as greedy:
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.settimeout(0.5)
        many = b"".join(request_bytes(GOOD) for _ in range(200))
        with contextlib.suppress(TimeoutError):
            for _ in range(200):
                greedy.sendall(many)
        assert server.score(GOOD).json() == ANSWER
        assert max(worker.memory_info().rss for worker in server.workers()) < 400 * 2**20


def test_changed_keys_apply_within_two_seconds(server):
    server.write_keys("third-key")
    third = {"Authorization": "Bearer third-key"}
    server.until(lambda: server.score(GOOD, headers=third).status_code == 200, 3)
    time.sleep(1.1)  # the other process reloads on its own clock
    assert {server.score(GOOD).status_code for _ in range(8)} == {401}
    server.write_keys("first-key", SECOND_KEY)
    server.until(lambda: all(server.score(GOOD).status_code == 200 for _ in range(8)), 3)


def test_damaged_key_file_leaves_previous_keys_valid(server):
    (server.folder / "keys.json").write_text("{")
    time.sleep(1.2)
    assert server.score(GOOD).status_code == 200
    server.write_keys("first-key", SECOND_KEY)
