"""When the calls of a loop iteration are run: at its end, or after polling again for a few busy clients."""

from types import SimpleNamespace

import pytest

from scoring.core.request import Request
from scoring.engine.endpoint import Endpoint
from scoring.engine.loop_batch import POLL_AGAIN_CLIENTS, LoopBatch
from scoring.queue.call import Call
from scoring.queue.handler import Handler


class Loop:
    """Runs what is called soon one iteration at a time."""

    def __init__(self) -> None:
        self.soon = []

    def call_soon(self, call) -> None:
        self.soon.append(call)

    def iterate(self) -> None:
        calls, self.soon = self.soon, []
        for call in calls:
            call()


class Echo(Handler):
    def answer(self, request, timings):
        return request.body


class Ignored(Endpoint):
    def on_done(self, request, call):
        pass


def batch_sizes(clients, arrivals):
    """How many calls were run together, when so many arrive in each iteration of the loop."""
    loop, sizes = Loop(), []
    endpoint = Ignored(None, Echo())
    batch = LoopBatch(loop, lambda endpoint, done, began: sizes.append(len(done)), lambda: clients)
    for arriving in arrivals:
        for _ in range(arriving):
            client = SimpleNamespace(disconnected=False, half_closed=False)
            batch.add(Call(endpoint.handler, Request(client, b"POST", b"/score", {})), endpoint)
        loop.iterate()
    assert sum(sizes) == sum(arrivals)
    return sizes


@pytest.mark.parametrize(("clients", "arrivals", "sizes"), [
    (8, [3, 2, 1, 0], [6]),  # every poll brings more
    (8, [3, 0, 2, 0], [3, 2]),  # a poll that brings none ends the batch
    (3, [3, 3], [3, 3]),  # every client has sent its request
    (POLL_AGAIN_CLIENTS + 1, [3, 2, 1], [3, 2, 1]),  # many clients: no second poll
])  # fmt: skip
def test_batch_polls_again_only_while_few_clients_keep_sending(clients, arrivals, sizes):
    assert batch_sizes(clients, arrivals) == sizes
