"""Events that an entry script notes of its requests, `Run.log(name, value)`: counted once a request."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

NAME = 63  # characters of an event's name
_noted: ContextVar[set[str] | None] = ContextVar("noted", default=None)  # of the request in this context


@contextmanager
def noting() -> Iterator[set[str]]:
    """The names of the events that are noted in here."""
    found: set[str] = set()
    token = _noted.set(found)
    try:
        yield found
    finally:
        _noted.reset(token)


def note(name: str) -> None:
    """An event of the request that is being answered; outside of one, nothing."""
    found = _noted.get()
    if found is not None:
        found.add(re.sub(r"[^A-Za-z0-9._-]", "_", name)[:NAME] or "_")
