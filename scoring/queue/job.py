"""A request together with the work that answers it, and the same on its way through the queue of slow work."""

from collections.abc import Callable
from typing import Any

from scoring.core.errors import gone
from scoring.core.request import Request
from scoring.core.work import Laps, Work

# What comes of it: the job, the result or an error, and nanoseconds waited.
Deliver = Callable[["Job", Any, int], None]


class Question(Laps):
    """A request, the work that answers it, and the laps of its way."""

    __slots__ = ("request", "work")

    def __init__(self, work: Work, request: Request) -> None:
        super().__init__()
        self.work = work
        self.request = request

    def gone(self) -> bool:
        """Whether nothing can be sent to its client any more."""
        return bool(self.request.connection.gone)

    def result(self) -> Any:
        """What comes of it: the answer, or an error; whatever a script raises belongs to its own request."""
        if self.gone():
            return gone()
        try:
            return self.work.answer(self.request, self)
        except BaseException as error:
            return error


class Job(Question):
    """A question that waits for a thread. `deliver(job, result or error, waited)` is called once, on the loop."""

    __slots__ = ("_claim", "deliver", "delivered", "started")

    def __init__(self, work: Work, request: Request, deliver: Deliver) -> None:
        super().__init__(work, request)
        self.deliver = deliver
        self.started = 0  # perf_counter nanoseconds
        self.delivered = False
        self._claim = [True]

    def gone(self) -> bool:
        """Whether its client has left, or looks like it: slow work is not begun for one that has said its last."""
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
