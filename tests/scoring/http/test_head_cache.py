"""A request whose head is cached is read like one that is parsed, whatever its client sends around it."""

import asyncio

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scoring.http.connection import Connection
from scoring.http.head_cache import END, KEPT, Head, HeadCache
from scoring.http.parser import MOST_UNKNOWN
from tests.scoring.conftest import KEY, SECOND_KEY, double_model, read_answers, request_bytes


class NoCache(HeadCache):
    """Leaves everything to the parser."""

    def find(self, data):
        return None


class RecordingHandler:
    """Records requests, and answers them at once or never."""

    draining = False
    max_body = 300

    def __init__(self, heads: HeadCache, answer: bytes | None) -> None:
        self.heads, self.answer = heads, answer
        self.asked = []

    def admit(self, request, length):
        pass

    def opened(self, connection):
        pass

    def handle(self, request):
        self.asked.append((request.method, request.target, dict(request.headers), request.body, request.keep_alive))
        return self.answer

    def refuse(self, request, error):
        self.asked.append(error.code)
        return b"refusal"


class FakeTransport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written, self.closed = [], False

    def write(self, data):
        self.written.append(data)

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed

    def can_write_eof(self):
        return False

    def resume_reading(self):
        pass


def read(heads, connections, answer=b"answer"):
    """The requests in these pieces and what is written, for each connection."""
    handler, transports = RecordingHandler(heads, answer), []

    async def send():
        for pieces in connections:
            connection, transport = Connection(handler), FakeTransport()
            transports.append(transport)
            connection.connection_made(transport)
            for piece in pieces:
                connection.data_received(piece)

    asyncio.run(send())
    return handler.asked, [(transport.written, transport.closed) for transport in transports]


def post(body, *lines, end=b"\r\n"):
    return end.join((b"POST /score HTTP/1.1", b"Content-Length: %d" % len(body), *lines, b"", body))


A, B, SHORT = post(b"1", b"A: 1"), post(b"2", b"B: 1"), post(b"\r\n", b"A: 1")
CUT = post(b"x" * 38)  # its body is two bytes shorter than its head
likely = st.sampled_from([A, B, SHORT, b"GET / HTTP/1.1\r\n\r\n"])
lines = st.sampled_from(
    [b"A: 1", b"a: 1", b"Connection: close", b"Connection: upgrade", b"Upgrade: h2c", b"Expect: 100-continue",
     b"Transfer-Encoding: chunked", b"Content-Length: 1", b"Bad line", b"A:\t3 ", b" folded"]
)  # fmt: skip
bodies = st.sampled_from([b"", b"1", b"22", b"\r\n", b"\r\n\r\n", b"\n\n", b"4\r\n\r\n4", b"x" * 301])
ends = st.sampled_from([b"\r\n", b"\r\n", b"\n", b"\r"])
unlikely = st.builds(lambda body, more, end: post(body, *more, end=end), bodies, st.lists(lines, max_size=2), ends)
others = st.sampled_from(
    [b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
     b"HEAD /score HTTP/1.1\r\nA: 1\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n",
     b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n5\r\n0\r\n\r\n", b"GARBAGE\r\n\r\n1", b"\r\n",
     b"\r\n\r\n", b"\n", b"1", b"POST"]
)  # fmt: skip
requests = likely | likely | unlikely | others
pieces = st.one_of(
    likely,
    requests,
    st.builds(bytes.__add__, requests, requests),
    st.builds(lambda request, cut: request[: cut % (len(request) + 1)], requests, st.integers(0, 200)),
    st.builds(lambda request, cut: request[cut % (len(request) + 1) :], requests, st.integers(0, 200)),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.lists(pieces, max_size=6), min_size=1, max_size=4))
@example([[A + B, A]])
@example([[post(b"", b"Expect: 100-continue")] * 2])
@example([[A, b"GARBAGE\r\n\r\n1"], [b"GARBAGE\r\n\r\n1"]])
@example([[SHORT + b"\r\n", SHORT[:-2] + b"12\r\n"]])
@example([[CUT, CUT[:41], CUT[41:]]])
def test_requests_are_read_alike_with_and_without_head_cache(connections):
    for answer in (b"answer", None):
        assert read(HeadCache(), connections, answer) == read(NoCache(), connections, answer)


def test_head_with_bare_line_feeds_is_not_cached():
    heads, text = HeadCache(), b"POST / HTTP/1.1\nContent-Length: 4\n\n"
    heads.add(text + END + END, Head(b"POST", b"/", {b"content-length": b"4"}, 4), END)
    assert heads.find(text + END + b"1234") is None


def test_head_cache_is_shared_by_connections():
    heads = HeadCache()
    assert heads.find(post(b"1")) is None
    read(heads, [[post(b"1")]])
    assert heads.find(post(b"2")).headers == {b"content-length": b"1"}
    assert heads.find(post(b"22")) is None


@pytest.mark.parametrize(
    "piece",
    [
        post(b"1")[:-1],
        post(b"1") + b"\r\n",
        b"\r\n" + post(b"1"),
        post(b"1") + post(b"1"),
        post(b"1", end=b"\n"),
        post(b"1", b"Connection: close"),
        post(b"1", b"Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0"),
        post(b"1", b"Expect: 100-continue"),
        post(b"1", b"Long: " + b"x" * 2048),
    ],
    ids=[
        "cut",
        "more at the end",
        "more at the start",
        "two",
        "other line ends",
        "the last",
        "old",
        "expecting",
        "long",
    ],
)
def test_unusual_request_is_not_cached(piece):
    heads = HeadCache()
    read(heads, [[piece]])
    read(heads, [[piece]], answer=None)
    assert heads.find(piece) is None


def test_invalid_request_is_not_taken_for_the_one_before():
    heads = HeadCache()
    asked, _ = read(heads, [[post(b"1"), b"NONSENSE\r\n\r\n1"], [b"NONSENSE\r\n\r\n1"]])
    assert [one if isinstance(one, str) else one[3] for one in asked] == [b"1", "bad_http", "bad_http"]


def test_head_cache_evicts_its_oldest_entries():
    heads = HeadCache()
    many = [post(b"1", b"N: %d" % number) for number in range(KEPT + 10)]
    read(heads, [[one] for one in many])
    assert [heads.find(one) is None for one in many] == [True] * 10 + [False] * KEPT


def test_head_cache_is_skipped_for_clients_that_never_hit():
    heads = HeadCache()
    many = [post(b"1", b"N: %d" % number) for number in range(MOST_UNKNOWN + 1)]
    read(heads, [many])
    assert [heads.find(one) is None for one in many] == [False] * MOST_UNKNOWN + [True]


def test_cached_head_does_not_bypass_changed_keys(replica):
    replica.with_models(double=double_model).start()
    client, body = replica.connect(), b'{"data": [[1, 2, 3, 4]]}'
    for _ in range(3):
        client.sendall(request_bytes(body))
        assert read_answers(client)[0][0] == 200
    replica.write_keys(SECOND_KEY)

    def is_refused():
        client.sendall(request_bytes(body))
        return read_answers(client)[0][0] == 401

    replica.until(is_refused)
    assert replica.score(body, headers={"Authorization": f"Bearer {SECOND_KEY}"}).status_code == 200
    assert replica.score(body, headers={"Authorization": f"Bearer {KEY}"}).status_code == 401
