"""Quick models and scripts: what arrives in one turn of the loop is answered at its end, together, sharing runs.

Nothing waits for company: the turn ends as soon as nothing more has arrived. Besides the runs, the processor's caches
are shared: each step is made for all before the next, and its code is fetched once.
"""

import asyncio
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from scoring.job import Question
from scoring.request import Request
from scoring.routes import Route

# The route, what came of each question, and when work on them began, in perf_counter nanoseconds.
Deliver = Callable[[Route, list[tuple[Question, Any]], int], None]


class Turn:
    """What has arrived since the loop last looked, for models and scripts that are quick enough for the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Deliver) -> None:
        self._loop = loop
        self._deliver = deliver
        self._asked: dict[Route, list[Question]] = {}

    def add(self, request: Request, route: Route) -> None:
        """Answer this at the end of the turn."""
        asked = self._asked
        if not asked:
            self._loop.call_soon(self.end)
        question = Question(route.work, request)
        if route in asked:
            asked[route].append(question)
        else:
            asked[route] = [question]

    def end(self) -> None:
        """Answer all that was asked, now."""
        asked, self._asked = self._asked, {}
        for route, questions in asked.items():
            began = perf_counter_ns()
            batcher = route.work.batcher
            done = [(one, one.result()) for one in questions] if batcher is None else batcher.run(questions)
            self._deliver(route, done, began)
