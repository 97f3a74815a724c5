"""Waiting for the studio to finish something, also over a restart of the studio."""

import time
from collections.abc import Callable, Collection
from typing import Protocol, TypeVar

from slipway.errors import SlipwayApiError, SlipwayError, TimedOut, Unreachable
from slipway.transport import AWAY

T = TypeVar("T")
POLL_SECONDS = 1.0
PATIENCE_SECONDS = 60.0  # how long the studio may be away while we wait


class Clock(Protocol):
    def monotonic(self) -> float: ...

    def sleep(self, seconds: float, /) -> None: ...


def wait(look: Callable[[], T], done: Callable[[T], bool], *, what: str, timeout: float, clock: Clock = time) -> T:
    """Call `look` every second until `done` says so of its answer.

    Raises `TimedOut` after `timeout` seconds, and what `look` raised when the studio stays away.
    """
    deadline = clock.monotonic() + timeout
    away_since: float | None = None
    while True:
        try:
            found = look()
            away_since = None
            if done(found):
                return found
        except SlipwayError as error:
            away_since = away_since or clock.monotonic()
            if not _is_away(error) or clock.monotonic() - away_since > PATIENCE_SECONDS:
                raise
        if clock.monotonic() >= deadline:
            raise TimedOut(
                f"{what} did not happen within {timeout:g} seconds.",
                hint="It may still happen. Look at it with 'show' and 'logs', or wait longer with --timeout.",
            )
        clock.sleep(min(POLL_SECONDS, max(0.01, deadline - clock.monotonic())))


def _is_away(error: SlipwayError) -> bool:
    return isinstance(error, Unreachable) or (isinstance(error, SlipwayApiError) and error.status in AWAY)


def one_of(states: Collection[str]) -> str:
    """States for a sentence: Healthy or Stopped."""
    return " or ".join(sorted(states))
