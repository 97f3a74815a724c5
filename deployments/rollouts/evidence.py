"""Pure: what a window of requests says against a new revision, as the logarithm of an e-value.

An e-value is a bet that cannot win in the mean while the claim is true: the product over all windows exceeds 1/alpha at
any time with probability alpha at most, however often somebody looks, whatever the shares, and however the error rate
of both revisions moves (Ville's inequality; the proof for these is E[F] <= exp(n1 p1 (ab-1) + n0 p0 (b-1)) by
1 + x <= exp(x), whose exponent is not positive under the claim). Naive tests at each look roll back up to 100 % of
revisions that are no worse; windows are never pooled, since the rate of both moves while the share grows.

The size of what is wrong is not known beforehand, so each window has a value for each of a few alternatives, and the
mean of the products counts.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

WORSE = (1.15, 1.35, 1.7, 2.3, 3.5, 6.0, 12.0, 30.0)  # times the limit: the alternatives
BETTER = (0.02, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9)  # factors of a bet against "at least so much worse"
RARER = (0.0, 0.1, 0.25, 0.5, 0.75)  # times the disagreement that is claimed not to be reached

Values = tuple[float, ...]


class Counts(NamedTuple):
    """Of a window: `bad` of `total` requests of the candidate, and likewise of the control."""

    bad: int
    total: int
    control_bad: int
    control_total: int

    @property
    def swapped(self) -> "Counts":
        return Counts(self.control_bad, self.control_total, self.bad, self.total)

    @property
    def says_something(self) -> bool:
        return self.total > 0 and self.control_total > 0


def against_ratio(counts: Counts, ratio: float) -> Values:
    """Against the claim that the candidate's rate is at most `ratio` times the control's, by alternative."""
    if not counts.says_something:
        return (0.0,) * len(WORSE)
    w = counts.total / (counts.total + counts.control_total)
    bad = counts.bad + counts.control_bad
    return tuple(
        counts.bad * math.log(k) + bad * math.log((1 - w + ratio * w) / (1 - w + ratio * k * w)) for k in WORSE
    )


def against_difference(counts: Counts, difference: float) -> Values:
    """Against the claim that the candidate's rate is at most the control's + `difference`, by alternative."""
    if not counts.says_something:
        return (0.0,) * len(WORSE)
    odds = counts.total / counts.control_total
    stakes = (min(k - 1, 0.9 / odds) for k in WORSE)
    return tuple(
        counts.bad * math.log1p(s) + counts.control_bad * math.log1p(-s * odds) - counts.total * difference * s
        for s in stakes
    )


def against_worse_ratio(counts: Counts, ratio: float) -> Values:
    """Against the claim that the candidate's rate is at least `ratio` times the control's, by alternative."""
    return against_ratio(counts.swapped, 1 / ratio)


def against_worse_difference(counts: Counts, difference: float) -> Values:
    """Against the claim that the candidate's rate is at least the control's + `difference`, by alternative."""
    if not counts.says_something:
        return (0.0,) * len(BETTER)
    odds = counts.total / counts.control_total
    return tuple(
        counts.bad * math.log(a) + counts.control_bad * math.log1p(odds * (1 - a)) + counts.total * difference * (1 - a)
        for a in BETTER
    )


def against_agreement(disagreed: int, compared: int, limit: float) -> Values:
    """Against the claim that at most the share `limit` of answers disagree, by alternative."""
    alternatives = (min(limit * k, 0.999) for k in WORSE)
    return tuple(
        disagreed * math.log(d / limit) + (compared - disagreed) * math.log((1 - d) / (1 - limit)) for d in alternatives
    )


def for_agreement(disagreed: int, compared: int, limit: float) -> float:
    """The logarithm of the e-value for "fewer than the share `limit` of answers disagree"; from 3 on it is shown with
    5 %."""
    return log_mean_exp(
        [
            (disagreed * math.log(f) if f else -math.inf if disagreed else 0.0)
            + (compared - disagreed) * math.log((1 - f * limit) / (1 - limit))
            for f in RARER
        ]
    )


def log_mean_exp(values: Sequence[float]) -> float:
    """ln(mean(exp(values))), also where exp() would not fit."""
    highest = max(values)
    if math.isinf(highest):
        return highest
    return highest + math.log(sum(math.exp(value - highest) for value in values) / len(values))


def spread(blocks: Sequence[Counts]) -> float:
    """How much more the bad requests scatter over blocks of windows than independent ones would; at least 1.

    Evidence is divided by it: a broken client that comes in bursts makes windows look far more certain than they are.
    Chi-squared of the candidate's bad requests, given those of both, at the Mantel-Haenszel ratio of all blocks.
    """
    full = [block for block in blocks if block.says_something]
    if not full:
        return 1.0
    ours = sum(one.bad * one.control_total / (one.total + one.control_total) for one in full)
    theirs = sum(one.control_bad * one.total / (one.total + one.control_total) for one in full)
    ratio = (ours + 0.5) / (theirs + 0.5)
    chi_squared, counted = 0.0, 0
    for one in full:
        bad = one.bad + one.control_bad
        theta = ratio * one.total / (ratio * one.total + one.control_total)
        variance = bad * theta * (1 - theta)
        if variance >= 0.5:
            chi_squared += (one.bad - bad * theta) ** 2 / variance
            counted += 1
    return max(1.0, (4 + chi_squared) / (4 + counted - 1)) if counted > 1 else 1.0
