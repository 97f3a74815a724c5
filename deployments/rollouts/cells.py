"""Requests of two revisions, counted in cells of a few seconds: what guards judge."""

from collections import Counter
from collections.abc import Iterable
from typing import Literal

import msgspec

CELL_SECONDS = 5
DELAY_SECONDS = 7.5  # until the window of a cell has been reported and kept; later ones are left out

Time = Literal["infer", "latency"]  # in the model, which does not depend on load; from the last byte in to the answer
Histogram = dict[int, int]  # requests by bucket of scoring.contract


class Arm(msgspec.Struct, frozen=True, omit_defaults=True):
    """One revision's requests. `failed`: answered 5xx, refused or too late; `refused`: 4xx, which clients cause.
    `events`: by name, how many of those that `reached` a replica had an event that the entry script noted."""

    requests: int = 0
    failed: int = 0
    refused: int = 0
    times: dict[Time, Histogram] = {}
    reached: int = 0
    events: dict[str, int] = {}

    def __add__(self, other: "Arm") -> "Arm":
        times: dict[Time, Histogram] = {metric: dict(histogram) for metric, histogram in self.times.items()}
        for metric, histogram in other.times.items():
            total = times.setdefault(metric, {})
            for bucket, count in histogram.items():
                total[bucket] = total.get(bucket, 0) + count
        return Arm(
            requests=self.requests + other.requests,
            failed=self.failed + other.failed,
            refused=self.refused + other.refused,
            times=times,
            reached=self.reached + other.reached,
            events=dict(Counter(self.events) + Counter(other.events)),
        )


class Cell(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happened in the cell of this `number` (epoch seconds / CELL_SECONDS).

    `compared` answers to copied requests, of which `disagreed` differ from those that callers got.
    """

    number: int
    candidate: Arm = Arm()
    control: Arm = Arm()
    compared: int = 0
    disagreed: int = 0


def cell_at(seconds: float) -> int:
    """The number of the cell that an epoch time lies in. A window counts whole, in the cell of its middle."""
    return int(seconds // CELL_SECONDS)


def last_closed(now: float, window_seconds: float) -> int:
    """The newest cell that nothing is waited for any more, where windows last so long: the last one of a cell has its
    middle at the cell's end, and is sent when it is over."""
    return cell_at(now - window_seconds / 2 - DELAY_SECONDS) - 1


def total(arms: Iterable[Arm]) -> Arm:
    return sum(arms, Arm())
