"""Which requests may be sent again after a replica failed them. Pure.

| what happened | sent again |
| --- | --- |
| the connection was refused: it reached nobody | to every other replica in turn |
| a kept connection was closed before an answer began | once, elsewhere or on a new one, while the body is held |
| the replica died or answered garbage before an answer began | once, elsewhere if there is another, likewise |
| it did not answer in time, all tries together | never |

Each kind has its own count. A request whose answer had begun is never sent again: the client sees it cut off.
"""

from collections.abc import Sequence
from enum import Enum

HELD_BYTES = 1024 * 1024  # of a body that are kept to be sent again


class Failure(Enum):
    """How a replica failed a request."""

    UNREACHED = "could not be reached"
    STALE = "closed a kept connection"
    BROKEN = "ended the connection without an answer"
    GARBAGE = "answered what is no HTTP"
    LATE = "did not answer in time"


DIED = frozenset((Failure.BROKEN, Failure.GARBAGE))  # counted together: the replica has had the request
MOST_REPEATS = {Failure.UNREACHED: 16, Failure.STALE: 1, Failure.BROKEN: 1, Failure.GARBAGE: 1, Failure.LATE: 0}


def may_repeat(failure: Failure, before: Sequence[Failure], *, held: bool) -> bool:
    """Whether to send a request again that was sent again after these failures before."""
    alike = DIED if failure in DIED else {failure}
    return held and sum(one in alike for one in before) < MOST_REPEATS[failure]
