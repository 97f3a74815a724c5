"""Responses that fail while the gate writes them."""

import asyncio

import pytest

from studio.web.bodies import Limits
from studio.web.body_content import Memory
from studio.web.gate import Gate
from studio.web.pools import Pools, Rule

SCOPE = {
    "method": "GET",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "headers": [],
    "http_version": "1.1",
    "scheme": "http",
    "server": ("127.0.0.1", 8000),
    "client": ("127.0.0.1", 50000),
}
LIMITS = Limits(
    unauthenticated_bytes=1000,
    unauthenticated_seconds=60,
    authenticated_bytes=1000,
    grace=60,
    pace=1000,
    drain_bytes=1000,
    drain_seconds=60,
)
PIECE = b"x" * 2**20


class Result:
    """A response of these pieces, then an error; `closed` counts its closes."""

    def __init__(self, pieces):
        self.pieces, self.closed = pieces, 0

    def __iter__(self):
        yield from self.pieces
        raise RuntimeError("broken off")

    def close(self):
        self.closed += 1


@pytest.mark.parametrize("pieces", [[], [b"x"], [PIECE], [PIECE, PIECE]], ids=["at once", "early", "late", "later"])
def test_failed_response_is_closed_once(tmp_path, pieces):
    result = Result(pieces)

    def application(environ, start):
        start("200 OK", [])
        return result

    async def receive():
        await asyncio.Event().wait()

    async def send(message):
        pass

    gate = Gate(
        application,
        lambda environ: True,
        pools=Pools([Rule("all", "", threads=1, waiting=1)]),
        limits=LIMITS,
        memory=Memory(0, most=0),
        folder=tmp_path,
        reader_seconds=60,
    )
    with pytest.raises(RuntimeError, match="broken off"):
        asyncio.run(gate(SCOPE, receive, send))
    assert result.closed == 1
