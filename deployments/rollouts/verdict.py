"""Pure: which of two revisions is better for users, by outcomes that come later.

The unit is the user, whom the split sends to one revision: requests of one user are alike, and counted by themselves
they name a winner among equals in up to 80 % of experiments. The interval of the difference holds at all times
together, so that looking often does no harm (normal mixture: Howard et al. 2021, Johari et al. 2022; variance of a
ratio by the delta method: Deng et al. 2018).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from deployments.rollouts.sample_ratio import ALARM, sample_ratio

LEAST_USERS, LEAST_EVENTS = 200, 30
ALPHA = 0.05


class Asked(NamedTuple):
    """A request: which user, which revision, when."""

    id: str
    user: str
    revision: int
    at: datetime


class Outcome(NamedTuple):
    """What came of a request, told later: 1 or 0, or a number."""

    id: str
    value: float
    at: datetime


@dataclass(frozen=True)
class Arm:
    """One revision: `total`s (sum of outcomes, requests) of each of its users."""

    totals: tuple[tuple[float, int], ...]

    @property
    def users(self) -> int:
        return len(self.totals)

    @property
    def events(self) -> int:
        """Users with an outcome."""
        return sum(1 for outcome, _ in self.totals if outcome)

    @property
    def mean(self) -> float:
        """Outcome per request."""
        return sum(outcome for outcome, _ in self.totals) / sum(requests for _, requests in self.totals)

    @property
    def variance(self) -> float:
        """Of `mean`, over users."""
        mean, requests = self.mean, sum(requests for _, requests in self.totals)
        squares = sum((outcome - mean * count) ** 2 for outcome, count in self.totals)
        return squares / requests**2 * self.users / (self.users - 1)


@dataclass(frozen=True)
class Verdict:
    """`name`: split_wrong, not_enough_data, better, better_but_little, worse or no_difference.

    `difference` of the candidate's mean from the control's, plus or minus `half_width`; None where nothing is known.
    `users_needed`: of each arm, about, until an interval is as narrow as what matters.
    """

    name: str
    difference: float | None = None
    half_width: float | None = None
    users_needed: int | None = None


@dataclass(frozen=True)
class Experiment:
    """`share`: of users who should get the candidate; `matters`: the smallest difference that does; `full_days` that
    it must have run for, 7 where traffic has weeks."""

    share: float
    matters: float
    full_days: int = 1


def half_width(variance: float, scale: float, alpha: float) -> float:
    """Of the interval of a mean that holds at all times with 1 - `alpha`; `scale`: the difference that it is narrow
    for."""
    both = variance + scale**2
    return math.sqrt(variance * both / scale**2 * math.log(both / (variance * alpha**2)))


def judge(control: Arm, candidate: Arm, experiment: Experiment, days: float) -> Verdict:
    """The verdict after `days`."""
    users = (control.users, candidate.users)
    if sum(users) and sample_ratio(users, (1 - experiment.share, experiment.share)) >= math.log(ALARM):
        return Verdict("split_wrong")
    if min(users) < 2:
        return Verdict("not_enough_data", users_needed=LEAST_USERS)
    difference = candidate.mean - control.mean
    variance = candidate.variance + control.variance
    h = half_width(variance, experiment.matters, ALPHA) if variance else 0.0
    needed = _users_needed(min(users), h, experiment.matters)
    early = min(users) < LEAST_USERS or min(control.events, candidate.events) < LEAST_EVENTS
    name = "not_enough_data" if early or days < experiment.full_days else _name(difference, h, experiment.matters)
    return Verdict(name, difference, h, needed if name == "not_enough_data" else None)


def _name(difference: float, h: float, matters: float) -> str:
    low, high = difference - h, difference + h
    if low > 0:
        return "better_but_little" if high < matters else "better"
    if high < 0:
        return "worse"
    return "no_difference" if -matters < low and high < matters else "not_enough_data"


def _users_needed(users: int, h: float, matters: float) -> int:
    """h squared falls as 1 / users."""
    return max(LEAST_USERS, math.ceil(users * (h / matters) ** 2))


def arms(
    requests: Iterable[Asked], outcomes: Iterable[Outcome], *, wait: timedelta, now: datetime
) -> tuple[Mapping[int, Arm], int]:
    """By revision, of requests older than `wait`, and how many outcomes belong to no request.

    An outcome counts within `wait` of its request, and the last of several; none is zero. Counting what has arrived so
    far would name whoever's outcomes come faster: `wait` must be longer than 99 % of the slower arm's delays.
    """
    asked = {one.id: one for one in requests}
    in_order = sorted(outcomes, key=lambda outcome: outcome.at)
    known = [outcome for outcome in in_order if outcome.id in asked]
    values = {one.id: one.value for one in known if timedelta(0) <= one.at - asked[one.id].at <= wait}
    totals: dict[int, dict[str, tuple[float, int]]] = {}
    for request in asked.values():
        if request.at <= now - wait:
            users = totals.setdefault(request.revision, {})
            outcome_sum, count = users.get(request.user, (0.0, 0))
            users[request.user] = (outcome_sum + values.get(request.id, 0.0), count + 1)
    by_revision = {revision: Arm(tuple(users.values())) for revision, users in totals.items()}
    return by_revision, len(in_order) - len(known)
