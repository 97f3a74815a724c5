"""Reading request bodies in the event loop: large, slow and interrupted ones."""

import asyncio
import dataclasses

import pytest

from studio.web.bodies import Body, ClientGone, Limits, Refused
from studio.web.body_content import IN_MEMORY, Content, Memory

LIMITS = Limits(
    unauthenticated_bytes=1000,
    unauthenticated_seconds=60,
    authenticated_bytes=10 * IN_MEMORY,
    grace=60,
    pace=1000,
    drain_bytes=10_000,
    drain_seconds=60,
)
HURRIED = dataclasses.replace(LIMITS, unauthenticated_seconds=0.05, grace=0.05, pace=10**9)


class Client:
    """Sends these pieces; `ending` says what follows the last: 'end', 'gone' (disconnects) or 'silent' (stalls)."""

    def __init__(self, *pieces, ending="end"):
        self.messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
        self.ending = ending
        if ending == "end":
            self.messages[-1]["more_body"] = False

    async def receive(self):
        if self.messages:
            return self.messages.pop(0)
        if self.ending == "silent":
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}


def read(client, tmp_path, *, announced=0, authenticated=False, limits=LIMITS):
    """The bytes read from this client, and the number of look-ups of its user."""
    asked = []

    async def is_authenticated():
        asked.append(1)
        return authenticated

    async def go():
        body = Body(client.receive, limits, Content(Memory(0, most=0), tmp_path / "bodies"))
        try:
            await body.read(announced, is_authenticated)
            return body.file.read(), len(asked)
        finally:
            body.close()

    return asyncio.run(go())


def test_small_body_needs_no_lookup(tmp_path):
    assert read(Client(b"a" * 600, b"b" * 400), tmp_path) == (b"a" * 600 + b"b" * 400, 0)


@pytest.mark.parametrize("announced", [1001, 0], ids=["announced", "in chunks"])
def test_large_body_of_an_unauthenticated_client_is_refused(tmp_path, announced):
    with pytest.raises(Refused) as refused:
        read(Client(b"a" * 600, b"b" * 401), tmp_path, announced=announced)

    assert refused.value.status == 413


def test_large_body_of_an_authenticated_client_is_read_with_one_lookup(tmp_path):
    pieces = [bytes([number]) * (IN_MEMORY // 2) for number in range(6)]

    assert read(Client(*pieces), tmp_path, authenticated=True) == (b"".join(pieces), 1)
    assert list((tmp_path / "bodies").iterdir()) == []


def test_body_larger_than_any_upload_is_rejected_for_every_client(tmp_path):
    with pytest.raises(Refused) as refused:
        read(Client(b"a"), tmp_path, announced=10 * IN_MEMORY + 1, authenticated=True)

    assert refused.value.status == 413


@pytest.mark.parametrize("authenticated", [False, True])
def test_stalled_body_is_rejected_as_too_slow(tmp_path, authenticated):
    with pytest.raises(Refused) as refused:
        read(Client(b"a", ending="silent"), tmp_path, announced=100, authenticated=authenticated, limits=HURRIED)

    assert refused.value.status == 408


def test_interrupted_body_raises_client_gone(tmp_path):
    with pytest.raises(ClientGone):
        read(Client(b"a", ending="gone"), tmp_path, announced=100)
