"""What observers learn of a request that has been answered."""

from dataclasses import dataclass
from typing import Protocol

from scoring.core.answer import Answer
from scoring.core.request import Request
from scoring.core.timings import Timings
from scoring.engine.engine import Served


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request: `answer` is the body alone where that is JSON. `taken` and `waited` are microseconds."""

    status: int
    answer: bytes | Answer
    served: Served
    taken: int
    waited: int
    timings: Timings


class Observers(Protocol):
    """Log, trace or collect single requests; called on the loop, so they must neither wait nor raise."""

    def on_request(self, request: Request) -> None:
        """A request is about to be run."""

    def on_response(self, request: Request, outcome: Outcome) -> None:
        """Its response is about to be sent, or has been sent to its end."""
