"""Work: what makes an answer of a request, be it a model without code or the entry script."""

from typing import TYPE_CHECKING, Optional, Protocol

from scoring.core.answer import Answer
from scoring.core.request import Request

if TYPE_CHECKING:
    from scoring.queue.batcher import Batcher

HEAVY_SECONDS = 0.0005  # quicker models answer on the loop, in several processes: HTTP costs more than the run
Result = bytes | Answer  # bytes are JSON, with status 200


class Laps:
    """Nanoseconds a request spent on each part of its way, and the rows of the run that it shared.

    `alone` says that nothing else waits or runs, so that the run may have all cores; `follows`, that another
    request's laps stand for the run that they share.
    """

    __slots__ = ("alone", "decode", "encode", "follows", "infer", "rows")

    def __init__(self) -> None:
        self.decode = self.infer = self.encode = 0
        self.rows = 1
        self.alone = self.follows = False


class Work(Protocol):
    """Asked on the loop for quick models, in a runner thread for others; raises ScoringError.

    With a `batcher`, it has a `form` too, and runners may let it share runs with others.
    """

    batcher: Optional["Batcher"]

    def answer(self, request: Request, laps: Laps) -> Result: ...
