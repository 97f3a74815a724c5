"""Where a transport sends calls, and gets back what came of them."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from scoring.core.request import Request
from scoring.engine.engine import Served
from scoring.queue.call import Call
from scoring.queue.handler import Handler

RequestT = TypeVar("RequestT", bound=Request)  # the request of a transport


class Endpoint(ABC, Generic[RequestT]):
    """One handler of something that is served, as a transport offers it. Made once, not for each request.

    Results of JSON below `settled_bytes` are sent as they are, so the dispatcher records them; of all others the
    transport says how they were sent (`Dispatcher.record`), since it may compress or stream them.
    """

    settled_bytes = 0
    joins_loop_batches = True  # whether its calls may wait for others of the same loop iteration

    def __init__(self, served: Served, handler: Handler) -> None:
        self.served = served
        self.handler = handler

    @abstractmethod
    def on_done(self, request: RequestT, call: Call) -> None:
        """Send the response of a call that has run. Called on the loop, once, unless `submit` has returned the call.

        `call.result` is JSON, an Answer, or a ScoringError.
        """

    def on_lost(self, request: RequestT) -> None:
        """Sending a response has failed by a fault of ours: its client must not wait for it."""
