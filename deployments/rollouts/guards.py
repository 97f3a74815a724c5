"""Pure: what watches a rollout, cell by cell: error rates, times and agreement of answers.

A guard fires when what has been seen would be a one in a hundred chance for a revision within the limits, all guards
and all looks of the whole rollout together; it has shown the revision good when what has been seen would be a one in
twenty chance for a bad one. Between the two nothing is known yet. The evidence leaves out the worst cell, so that no
single burst decides, and is divided by how much the bad requests scatter (evidence.spread).
"""

import math
from typing import Literal

import msgspec

from deployments.rollouts import evidence
from deployments.rollouts.cells import Arm, Cell, Time
from deployments.rollouts.evidence import BETTER, WORSE, Counts, Values, log_mean_exp, spread
from deployments.rollouts.times import Past, above, learned, milliseconds, quantile_bucket, threshold

ALPHA = 0.01  # of the whole rollout, over all guards
BETA = 0.05  # of each step
BLOCK_CELLS = 6
NOTHING = Counts(0, 0, 0, 0)
MOST_BLOCKS = 240  # two hours: enough to know the scatter
GOOD_RATIO, GOOD_DIFFERENCE, GOOD_FACTOR = 2.0, 0.01, 1.5  # the coarse margins of "shown good"


class Guard(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A limit that the new revision must keep.

    `errors` and `client_errors` (4xx): the rate of the old one times `ratio`, or plus `difference`, whichever is more.
    `time`: the old one's `quantile` of `metric` times `ratio`, and at least 2 ms more.
    `agreement`: at most the share `difference` of copied requests is answered differently.
    `event`: the share of requests with an `event` that the entry script notes, limited as errors are; where a higher
    share is `better`, that of requests without it, by `difference` alone.
    """

    kind: Literal["errors", "client_errors", "time", "agreement", "event"]
    ratio: float = 1.25
    difference: float = 0.002
    metric: Time = "infer"
    quantile: float = 0.95
    event: str = ""
    better: Literal["lower", "higher"] = "lower"

    @property
    def needs_copies(self) -> bool:
        """Whether it says something in steps alone in which the new revision gets copies."""
        return self.kind == "agreement"

    @property
    def name(self) -> str:
        """For people."""
        if self.kind == "time":
            return f"p{self.quantile * 100:g} {'in the model' if self.metric == 'infer' else 'of the answer'}"
        if self.kind == "event":
            return self.event if self.better == "lower" else f"without {self.event}"
        return {"errors": "errors", "client_errors": "client errors", "agreement": "disagreement"}[self.kind]


AGREEMENT = 0.005  # the usual difference of a guard of agreement
DEFAULT_GUARDS = (Guard(kind="errors"), Guard(kind="time"))


class Evidence(msgspec.Struct, frozen=True):
    """Sums of logarithms by alternative, and the largest single one of each."""

    sums: Values = (0.0,) * len(WORSE)
    worst: Values = (0.0,) * len(WORSE)

    def __add__(self, values: Values) -> "Evidence":
        return Evidence(_added(self.sums, values), tuple(map(max, self.worst, values)))

    def value(self, scatter: float) -> float:
        """The logarithm of the e-value."""
        return log_mean_exp([(total - worst) / scatter for total, worst in zip(self.sums, self.worst, strict=True)])


class GuardState(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is kept of a guard.

    `ratio` and `difference`: evidence against the revision, of the whole rollout. `good_ratio` and `good_difference`:
    for it, of the present step. `blocks`: counts of BLOCK_CELLS cells each, and `block` of `in_block` cells. `seen`:
    counts of the whole rollout, and `expected` bad requests if the new revision's were as bad as the old one's in the
    same cells. `candidate` and `control`: their times lately.
    """

    ratio: Evidence = Evidence()
    difference: Evidence = Evidence()
    good_ratio: Values = (0.0,) * len(WORSE)
    good_difference: Values = (0.0,) * len(BETTER)
    blocks: tuple[Counts, ...] = ()
    block: Counts = NOTHING
    in_block: int = 0
    seen: Counts = NOTHING
    expected: float = 0.0
    candidate: Past = {}
    control: Past = {}


class Finding(msgspec.Struct, frozen=True):
    """A guard's figure beside its limit, in percent or milliseconds, and the `requests` of the new revision."""

    name: str
    figure: float
    limit: float
    control: float
    unit: str
    requests: int

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.figure:.3g} {self.unit} in {self.requests:,} requests, "
            f"limit {self.limit:.3g} {self.unit}"
        )


def observe(guard: Guard, state: GuardState, cell: Cell) -> GuardState:
    """The cell has been judged."""
    if guard.kind == "agreement":
        return _observe_agreement(guard, state, cell)
    if guard.kind == "time":
        return _observe_times(guard, state, cell)
    counts = _errors(guard, cell)
    return _counted(
        state,
        counts,
        ratio=evidence.against_ratio(counts, guard.ratio),
        difference=evidence.against_difference(counts, guard.difference),
        good_ratio=evidence.against_worse_ratio(counts, GOOD_RATIO),
        good_difference=evidence.against_worse_difference(counts, max(GOOD_DIFFERENCE, 2 * guard.difference)),
    )


def learn(guard: Guard, state: GuardState, cell: Cell) -> GuardState:
    """The cell is not judged, but shows how long the old revision takes."""
    if guard.kind != "time":
        return state
    return msgspec.structs.replace(state, control=learned(state.control, cell.control.times.get(guard.metric, {})))


def has_fired(guard: Guard, state: GuardState, guards: int) -> bool:
    """Whether the revision is beyond the limit. Of `guards` guards, each has its part of ALPHA, so that one can be
    named."""
    scatter = spread(state.blocks)
    value = state.ratio.value(scatter)
    if _is_of_absence(guard):
        value = state.difference.value(scatter)
    elif guard.kind in {"errors", "client_errors", "event"}:
        value = min(value, state.difference.value(scatter))
    return value >= math.log(guards / ALPHA)


def is_shown_good(guard: Guard, state: GuardState) -> bool:
    """Whether this step has shown that the revision is not bad."""
    if guard.kind == "agreement":
        value = evidence.for_agreement(state.seen.bad, state.seen.total, guard.difference)
    else:
        scatter = spread(state.blocks)
        both = [state.good_ratio] if guard.kind == "time" else [state.good_ratio, state.good_difference]
        if _is_of_absence(guard):
            both = [state.good_difference]
        value = log_mean_exp([log_mean_exp([one / scatter for one in values]) for values in both])
    return value >= math.log(1 / BETA)


def next_step(state: GuardState) -> GuardState:
    """A step must show by itself that the revision is good; what speaks against it stays."""
    fresh = GuardState()
    return msgspec.structs.replace(state, good_ratio=fresh.good_ratio, good_difference=fresh.good_difference)


def finding(guard: Guard, state: GuardState) -> Finding:
    """How things stand."""
    requests = state.seen.total
    if guard.kind == "time":
        before = quantile_bucket(state.control, guard.quantile)
        limit = threshold(before, guard.ratio)
        figure = quantile_bucket(state.candidate, guard.quantile)
        return Finding(guard.name, milliseconds(figure), milliseconds(limit), milliseconds(before), "ms", requests)
    share, expected = 100 * state.seen.bad / max(requests, 1), 100 * state.expected / max(requests, 1)
    limit_share = 100 * guard.difference + expected
    if guard.kind != "agreement" and not _is_of_absence(guard):
        limit_share = max(limit_share, guard.ratio * expected)
    return Finding(guard.name, share, limit_share, expected, "%", requests)


def _errors(guard: Guard, cell: Cell) -> Counts:
    new, old = cell.candidate, cell.control
    if guard.kind == "event":
        return Counts(*_noted(guard, new), *_noted(guard, old))
    if guard.kind == "errors":
        return Counts(new.failed, new.requests, old.failed, old.requests)
    return Counts(new.refused, new.requests, old.refused, old.requests)


def _noted(guard: Guard, arm: Arm) -> tuple[int, int]:
    """Requests that speak against the revision, and all."""
    events = min(arm.events.get(guard.event, 0), arm.reached)
    return (arm.reached - events if _is_of_absence(guard) else events), arm.reached


def _is_of_absence(guard: Guard) -> bool:
    """Of an event that most requests may lack, twice as many cannot lack it: a ratio says nothing."""
    return guard.kind == "event" and guard.better == "higher"


def _observe_agreement(guard: Guard, state: GuardState, cell: Cell) -> GuardState:
    against = evidence.against_agreement(cell.disagreed, cell.compared, guard.difference)
    seen = Counts(state.seen.bad + cell.disagreed, state.seen.total + cell.compared, 0, 0)
    return msgspec.structs.replace(state, ratio=state.ratio + against, seen=seen)


def _observe_times(guard: Guard, state: GuardState, cell: Cell) -> GuardState:
    """How many exceed a threshold that the old revision set before this cell: percentiles of two cells are never
    compared. A revision that is at most `ratio` times as slow exceeds the larger threshold no more often than the old
    one the smaller, also while both slow down together."""
    new, old = cell.candidate.times.get(guard.metric, {}), cell.control.times.get(guard.metric, {})
    after = msgspec.structs.replace(state, control=learned(state.control, old), candidate=learned(state.candidate, new))
    bucket = quantile_bucket(state.control, guard.quantile)
    if not bucket:
        return after
    slow = Counts(above(new, threshold(bucket, guard.ratio)), sum(new.values()), above(old, bucket), sum(old.values()))
    very_slow = Counts(above(new, threshold(bucket, max(GOOD_FACTOR, guard.ratio))), *slow[1:])
    return _counted(
        after,
        slow,
        ratio=evidence.against_ratio(slow, 1.0),
        good_ratio=evidence.against_worse_ratio(very_slow, 1.0),
    )


def _counted(
    state: GuardState,
    counts: Counts,
    *,
    ratio: Values,
    good_ratio: Values,
    difference: Values | None = None,
    good_difference: Values | None = None,
) -> GuardState:
    blocks, block, in_block = state.blocks, _sum(state.block, counts), state.in_block + 1
    if in_block == BLOCK_CELLS:
        blocks, block, in_block = (*blocks, block)[-MOST_BLOCKS:], NOTHING, 0
    rate = counts.control_bad / counts.control_total if counts.control_total else 0.0
    return msgspec.structs.replace(
        state,
        ratio=state.ratio + ratio,
        difference=state.difference + difference if difference else state.difference,
        good_ratio=_added(state.good_ratio, good_ratio),
        good_difference=_added(state.good_difference, good_difference) if good_difference else state.good_difference,
        blocks=blocks,
        block=block,
        in_block=in_block,
        seen=_sum(state.seen, counts),
        expected=state.expected + rate * counts.total,
    )


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(*(a + b for a, b in zip(one, other, strict=True)))


def _added(sums: Values, values: Values) -> Values:
    return tuple(a + b for a, b in zip(sums, values, strict=True))
