"""A request together with the handler that answers it, and the same on its way through the queue."""

from collections.abc import Callable
from typing import Any

from scoring.core.errors import gone
from scoring.core.request import Request
from scoring.core.timings import Timings
from scoring.queue.handler import Handler

# What comes of it: the job, the result or an error, and nanoseconds waited.
Deliver = Callable[["QueuedCall", Any, int], None]


class Call(Timings):
    """A request, the handler that answers it, and the timings of its way."""

    __slots__ = ("handler", "request")

    def __init__(self, handler: Handler, request: Request) -> None:
        super().__init__()
        self.handler = handler
        self.request = request

    def gone(self) -> bool:
        """Whether nothing can be sent to its client any more."""
        return bool(self.request.connection.gone)

    def result(self) -> Any:
        """What comes of it: the answer, or an error; whatever a script raises belongs to its own request."""
        if self.gone():
            return gone()
        try:
            return self.handler.answer(self.request, self)
        except BaseException as error:
            return error


class QueuedCall(Call):
    """A question that waits for a thread. `deliver(job, result or error, waited)` is called once, on the loop."""

    __slots__ = ("_claim", "deliver", "delivered", "started")

    def __init__(self, handler: Handler, request: Request, deliver: Deliver) -> None:
        super().__init__(handler, request)
        self.deliver = deliver
        self.started = 0  # perf_counter nanoseconds
        self.delivered = False
        self._claim = [True]

    def gone(self) -> bool:
        """Whether its client has left, or looks like it: do not start slow work for a half-closed connection."""
        return bool(self.request.connection.left)

    @property
    def claimed(self) -> bool:
        return not self._claim

    def claim(self) -> bool:
        """True for the first who asks: a runner that starts it, or the sweep that gives it up."""
        try:
            return self._claim.pop()
        except IndexError:
            return False
