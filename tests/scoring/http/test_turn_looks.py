"""When a turn ends: at once, or after another look where few are connected and company has come."""

from types import SimpleNamespace

import pytest

from scoring.core.request import Request
from scoring.http.routes import POST, Route
from scoring.http.turn import FEW, Turn


class Loop:
    """Runs what is called soon one pass at a time; before each, those arrive who were announced for it."""

    def __init__(self) -> None:
        self.soon = []

    def call_soon(self, call) -> None:
        self.soon.append(call)

    def turn(self) -> None:
        calls, self.soon = self.soon, []
        for call in calls:
            call()


class Echo:
    batcher = None

    def answer(self, request, timings):
        return request.body


def sizes_of_turns(connections, arrivals):
    """How many were answered together, when so many arrive before each pass of the loop."""
    loop, sizes = Loop(), []
    route = Route(POST, secured=True, served=None, handler=Echo())
    turn = Turn(loop, lambda route, done, began: sizes.append(len(done)), range(connections))
    for arriving in arrivals:
        for _ in range(arriving):
            turn.add(Request(SimpleNamespace(gone=False), b"POST", b"/score", {}), route)
        loop.turn()
    assert sum(sizes) == sum(arrivals)
    return sizes


@pytest.mark.parametrize(("connections", "arrivals", "sizes"), [
    (8, [3, 2, 1, 0], [6]),  # company came with every look
    (8, [3, 0, 2, 0], [3, 2]),  # none came: the turn ended
    (3, [3, 3], [3, 3]),  # all who are connected have asked
    (FEW + 1, [3, 2, 1], [3, 2, 1]),  # among many, company comes without another look
])  # fmt: skip
def test_a_turn_looks_again_only_for_company_that_comes(connections, arrivals, sizes):
    assert sizes_of_turns(connections, arrivals) == sizes
