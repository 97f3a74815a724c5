"""Fold what Slipway did because of a person's action under that action."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from studio.activity.models import SLIPWAY, Event

PAUSE = timedelta(minutes=10)  # between two steps; what comes later happened by itself


@dataclass
class Operation:
    """An event, and the steps that followed from it, oldest first."""

    event: Event
    steps: list[Event] = field(default_factory=list)

    @property
    def ended_at_step(self) -> Event:
        return self.steps[-1] if self.steps else self.event


def fold(events: Iterable[Event]) -> list[Operation]:
    """Newest first, as they were given. A step is Slipway's own event about the same thing within `PAUSE`.

    From old to new: alice deployed iris, Slipway built iris, bob registered wine:1, Slipway found iris Healthy. They
    make two operations: bob's, and alice's with two steps.
    """
    folded: list[Operation] = []
    latest: dict[tuple[str, str], Operation] = {}
    for event in reversed(list(events)):
        subject = event.subject_type, event.subject_id
        known = latest.get(subject)
        by_slipway = event.actor_id is None and event.actor_name == SLIPWAY  # not a person who has been deleted
        if by_slipway and known and event.at - known.ended_at_step.at <= PAUSE:
            known.steps.append(event)
        else:
            folded.append(Operation(event))
            latest.pop(subject, None)
            if not by_slipway:
                latest[subject] = folded[-1]
    return folded[::-1]
