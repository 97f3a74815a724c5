"""A call: a request on its way to its handler, at once or through the queue."""

from collections.abc import Callable
from typing import Any

from scoring.core.errors import client_closed
from scoring.core.request import Request
from scoring.core.timings import Timings
from scoring.queue.handler import Handler


class Call(Timings):
    """A request, the handler that answers it, and how long that took.

    Once it has run, `result` is what the handler gave or raised, and `waited` the nanoseconds that it waited before.
    """

    __slots__ = ("handler", "request", "result", "waited")

    def __init__(self, handler: Handler, request: Request) -> None:
        super().__init__()
        self.handler = handler
        self.request = request
        self.result: Any = None
        self.waited = 0

    def is_gone(self) -> bool:
        """Whether nothing can be sent to its client any more."""
        return self.request.client.disconnected

    def run(self) -> Any:
        """The handler's result, or what it raised; whatever a script raises concerns its own request only."""
        if self.is_gone():
            return client_closed()
        try:
            return self.handler.answer(self.request, self)
        except BaseException as error:
            return error


class QueuedCall(Call):
    """A call that waits for a runner thread. `on_done(call)` is called once, on the loop."""

    __slots__ = ("_claim", "delivered", "on_done", "started")

    def __init__(self, handler: Handler, request: Request, on_done: "OnDone") -> None:
        super().__init__(handler, request)
        self.on_done = on_done
        self.started = 0  # perf_counter nanoseconds
        self.delivered = False
        self._claim = [True]

    def is_gone(self) -> bool:
        """Whether its client has left, or may have: slow work is not begun for a half-closed connection."""
        return self.request.client.half_closed

    @property
    def claimed(self) -> bool:
        return not self._claim

    def claim(self) -> bool:
        """True for the first caller only: a runner that starts it, or the sweep that gives it up."""
        try:
            return self._claim.pop()
        except IndexError:
            return False


OnDone = Callable[[QueuedCall], None]
