"""States as data: tables of allowed moves, and one compare-and-set that performs a move."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Model

from studio.core.errors import Conflict

Moves = Mapping[str, frozenset[str]]


class StateChanged(Conflict):
    """Somebody else moved the row first; the caller lets go of it."""

    code = "state_changed"
    retryable = True


def move(row: Model, to: str, *, moves: Moves, **facts: Any) -> None:
    """Move `row.state` to `to` and set `facts` with it, unless somebody else was first.

    One conditional UPDATE, so it holds on every database and at any isolation level. Raises `Conflict` for
    a move that the table does not allow and `StateChanged` when the row is no longer in the state that was
    read. Call it inside the transaction that also writes the event.
    """
    state: str = row.state  # type: ignore[attr-defined]
    if to not in moves.get(state, frozenset()):
        raise Conflict(f"{row} is {state} and cannot become {to}.", code="move_not_allowed")
    changed = type(row)._default_manager.filter(pk=row.pk, state=state).update(state=to, **facts)
    if not changed:
        raise StateChanged(f"{row} is no longer {state}: somebody else changed it first.")
    for name, value in {"state": to, **facts}.items():
        setattr(row, name, value)
