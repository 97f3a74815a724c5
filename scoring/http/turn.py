"""Quick models and scripts: what arrives in one turn of the loop is answered at its end, together, sharing runs.

Nothing waits for company: the turn ends as soon as nothing more has arrived. Besides the runs, the processor's caches
are shared: each step is made for all before the next, and its code is fetched once.
"""

import asyncio
from collections.abc import Callable, Sized
from time import perf_counter_ns
from typing import Any

from scoring.core.request import Request
from scoring.http.routes import Route
from scoring.queue.call import Call

FEW = 16  # open connections; among more of them company comes without another look

# The route, what came of each question, and when work on them began, in perf_counter nanoseconds.
Deliver = Callable[[Route, list[tuple[Call, Any]], int], None]


class Turn:
    """What has arrived since the loop last looked, for models and scripts that are quick enough for the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Deliver, connections: Sized) -> None:
        self._loop = loop
        self._deliver = deliver
        self._connections = connections  # those that are open
        self._count = 0  # of the questions
        self._seen = 0  # how many there were at the last look
        self._asked: dict[Route, list[Call]] = {}

    def __len__(self) -> int:
        """How many wait for the end."""
        return self._count

    def add(self, request: Request, route: Route) -> None:
        """Answer this at the end of the turn."""
        asked = self._asked
        if not asked:
            self._loop.call_soon(self._look)
        self._count += 1
        question = Call(route.handler, request)
        if route in asked:
            asked[route].append(question)
        else:
            asked[route] = [question]

    def _look(self) -> None:
        """The end, unless this look has found company where that is rare: then another one is worth its time."""
        if self._seen < self._count < len(self._connections) <= FEW:
            self._seen = self._count
            self._loop.call_soon(self._look)
        else:
            self.end()

    def end(self) -> None:
        """Answer all that was asked, now."""
        self._count = self._seen = 0
        asked, self._asked = self._asked, {}
        for route, questions in asked.items():
            began = perf_counter_ns()
            batcher = route.handler.batcher
            done = [(one, one.result()) for one in questions] if batcher is None else batcher.run(questions)
            self._deliver(route, done, began)
