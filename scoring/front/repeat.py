"""Which requests may be sent again after a replica failed them. Pure.

| what happened | sent again |
| --- | --- |
| the connection was refused: it reached nobody | to every other replica in turn |
| a kept connection was closed before an answer began | once, elsewhere or on a new one, while the body is held |
| the replica died or answered garbage before an answer began | once, elsewhere if there is another, likewise |
| an answer had begun | never: the client sees it cut off |
"""

from enum import Enum

HELD_BYTES = 1024 * 1024  # of a body that are kept to be sent again


class Failure(Enum):
    """How a replica failed a request."""

    UNREACHED = "could not be reached"
    STALE = "closed a kept connection"
    BROKEN = "ended the connection without an answer"
    GARBAGE = "answered what is no HTTP"
    LATE = "did not answer in time"


MOST_REPEATS = {Failure.UNREACHED: 16, Failure.STALE: 1, Failure.BROKEN: 1, Failure.GARBAGE: 1, Failure.LATE: 0}


def may_repeat(failure: Failure, repeats: int, *, held: bool, answering: bool) -> bool:
    """Whether to send a request again that was sent again `repeats` times before."""
    return held and not answering and repeats < MOST_REPEATS[failure]
