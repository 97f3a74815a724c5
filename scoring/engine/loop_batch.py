"""Calls of quick models and scripts that arrive in one event-loop iteration are run together at its end.

Nothing is delayed for the sake of a larger batch: it ends as soon as no further request has arrived. Besides runs of
the model, calls share the processor's caches, since each step is done for all of them before the next.

For example, of 16 clients three have sent a request when the loop polls its sockets. The batch polls once more; if
two more have arrived by then, once more again; if none has, all of them run now.
"""

import asyncio
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from scoring.engine.endpoint import Endpoint
from scoring.queue.call import Call

POLL_AGAIN_CLIENTS = 16  # among more of them, requests arrive together without polling again

# The endpoint, its calls with what came of each, and when their run began, in perf_counter nanoseconds.
OnBatchDone = Callable[[Endpoint[Any], list[tuple[Call, Any]], int], None]


class LoopBatch:
    """The calls that have arrived since the loop last ran a batch."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_done: OnBatchDone, clients: Callable[[], int]) -> None:
        """`clients` gives how many are connected."""
        self._loop = loop
        self._on_done = on_done
        self._clients = clients
        self._count = 0
        self._count_at_last_poll = 0
        self._calls: dict[Endpoint[Any], list[Call]] = {}

    def __len__(self) -> int:
        """How many calls wait for the end of the iteration."""
        return self._count

    def add(self, call: Call, endpoint: Endpoint[Any]) -> None:
        """Run this call at the end of the iteration."""
        calls = self._calls
        if not calls:
            self._loop.call_soon(self._poll)
        self._count += 1
        if endpoint in calls:
            calls[endpoint].append(call)
        else:
            calls[endpoint] = [call]

    def _poll(self) -> None:
        """Run all, unless few clients are connected and some of them have just sent more: then poll once more."""
        if self._count_at_last_poll < self._count < self._clients() <= POLL_AGAIN_CLIENTS:
            self._count_at_last_poll = self._count
            self._loop.call_soon(self._poll)
        else:
            self.run()

    def run(self) -> None:
        """Run all calls now."""
        self._count = self._count_at_last_poll = 0
        batches, self._calls = self._calls, {}
        for endpoint, calls in batches.items():
            began = perf_counter_ns()
            batcher = endpoint.handler.batcher
            done = [(call, call.run()) for call in calls] if batcher is None else batcher.run(calls)
            self._on_done(endpoint, done, began)
