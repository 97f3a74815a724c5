"""The gates: which variant is recommended, and why the others are not. Pure: from measured facts to words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt

EXACT, REDUCED = 1e-4, 1e-2  # tolerated shift of answers: the same numbers, and numbers of fewer bits
CHANGED = 0.001  # tolerated share of rows that are decided otherwise
LEAST_NOISE = 0.05  # two paces that are closer than that are the same on any machine
MOST_NOISE = 0.10  # what is slower by more than that counts as slower, however restless the machine

RECOMMENDED, WORKS, SLOWER, REFUSED, FAILED, NOT_TRIED = (
    "recommended",
    "works",
    "slower",
    "refused",
    "failed",
    "not tried",
)


@dataclass(frozen=True)
class Gates:
    """`tolerance` for all variants, where a person gives one; otherwise `EXACT` or `REDUCED` by what a variant is."""

    tolerance: float | None = None
    changed: float = CHANGED

    def of(self, *, reduced: bool) -> float:
        return self.tolerance if self.tolerance is not None else (REDUCED if reduced else EXACT)


@dataclass
class Measured:
    """What is known of one variant. `one` and `many` are speed-ups over the original at one row and at many, `noise` is
    the larger noise of both sides. `groups`: (kind of rows, largest, changed, rows) of every comparison."""

    name: str
    reduced: bool = False
    one: float = 0.0
    many: float = 0.0
    noise: float = 0.0
    many_rows: int = 1000
    groups: list[tuple[str, float, int, int]] = field(default_factory=list)
    failure: str = ""
    not_tried: str = ""
    metric_loss: float | None = None  # how much worse the metric is than the original's; None without labels

    @property
    def speed_up(self) -> float:
        """Of one row and of many together."""
        return sqrt(self.one * self.many)


@dataclass(frozen=True)
class Verdict:
    word: str
    reason: str


def judge(variants: Sequence[Measured], gates: Gates) -> dict[str, Verdict]:
    """A verdict for each; at most one is recommended: the fastest that passes every gate, and of those that are as
    fast as it within the noise, the first."""
    verdicts = {one.name: _alone(one, gates) for one in variants}
    passed = [one for one in variants if verdicts[one.name].word == WORKS]
    if not passed:
        return verdicts
    fastest = max(passed, key=lambda one: one.speed_up)
    best = next(one for one in passed if one.speed_up * (1 + _noise(one, fastest)) >= fastest.speed_up)
    reason = "The fastest of those with the same answers." if len(passed) > 1 else "Faster, with the same answers."
    verdicts[best.name] = Verdict(RECOMMENDED, reason)
    return verdicts


def _noise(*ones: Measured) -> float:
    return min(MOST_NOISE, max(LEAST_NOISE, *(one.noise for one in ones)))


def _alone(one: Measured, gates: Gates) -> Verdict:
    if one.not_tried:
        return Verdict(NOT_TRIED, one.not_tried)
    if one.failure:
        return Verdict(FAILED, one.failure)
    if problem := _beyond(one, gates):
        return Verdict(REFUSED, problem)
    noise = _noise(one)
    slow = [
        text for gain, text in ((one.one, "for one row"), (one.many, f"for {one.many_rows:,} rows")) if gain < 1 - noise
    ]
    if slow:
        worst = min(one.one, one.many)
        return Verdict(
            SLOWER, f"The same answers, and {1 / worst:.1f} times slower {slow[-1 if one.many <= one.one else 0]}."
        )
    if one.speed_up <= 1 + noise:
        return Verdict(SLOWER, f"The same answers, and no faster: the difference is within the noise of {noise:.0%}.")
    return Verdict(WORKS, f"The same answers, {one.speed_up:.1f} times as fast.")


def _beyond(one: Measured, gates: Gates) -> str:
    """Which gate it fails, worst first; empty when it passes."""
    tolerance, problems = gates.of(reduced=one.reduced), []
    for kind, largest, changed, rows in one.groups:
        if changed > gates.changed * rows:
            allowed = int(gates.changed * rows)
            problems.append(f"{changed} of {rows:,} {kind} are decided otherwise, {allowed or 'none'} may be.")
        elif not largest <= tolerance:
            problems.append(f"Answers to {kind} move by up to {largest:.2g}, {tolerance:g} is tolerated.")
    if one.metric_loss is not None and one.metric_loss > gates.changed:
        problems.append(f"It is worse by {one.metric_loss:.3g} on the labelled rows.")
    return " ".join(problems[:2])
