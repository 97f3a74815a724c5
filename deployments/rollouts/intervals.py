"""Pure: between which bounds a figure probably lies, at whatever moment somebody looks.

All rates at which what was seen is not too unlikely: beside the mean likelihood over Beta(1/2, 1/2), by Ville's
inequality no true rate is ever left out with more than ALPHA (Robbins 1970). Quantiles: by the rate of what lies above
each edge of the buckets.
"""

import math

from deployments.rollouts.times import Past, milliseconds

ALPHA = 0.05
HALVINGS = 50


def rate(bad: float, total: float) -> tuple[float, float]:
    """Bounds of the rate of which `bad` of `total` were seen."""
    seen = bad / total if total else 0.5
    low = _edge(bad, total, 0.0, seen) if bad else 0.0
    high = _edge(bad, total, 1.0, seen) if total > bad else 1.0
    return (low, high) if total else (0.0, 1.0)


def quantile(past: Past, share: float) -> tuple[float, float | None]:
    """Bounds of a quantile in milliseconds; None where the slowest requests seen do not bound it."""
    total = not_below = sum(past.values())
    low, high, slower = 0.0, None, 1 - share
    for bucket in sorted(past):
        above = max(not_below - past[bucket], 0.0)
        if not_below > slower * total and _is_unlikely(not_below, total, slower):
            low = milliseconds(bucket - 1)
        if above < slower * total and _is_unlikely(above, total, slower):
            high = milliseconds(bucket)
            break
        not_below = above
    return low, high


def _is_unlikely(bad: float, total: float, p: float) -> bool:
    """Whether `bad` of `total` speak against the rate `p`."""
    good = total - bad
    mean = math.lgamma(bad + 0.5) + math.lgamma(good + 0.5) - math.lgamma(total + 1) - math.log(math.pi)
    likelihood = (bad * math.log(p) if bad else 0.0) + (good * math.log1p(-p) if good else 0.0)
    return mean - likelihood > math.log(1 / ALPHA)


def _edge(bad: float, total: float, outer: float, inner: float) -> float:
    """Where rates become unlikely between `outer`, which is, and `inner`, which is not."""
    for _ in range(HALVINGS):
        middle = (outer + inner) / 2
        if _is_unlikely(bad, total, middle):
            outer = middle
        else:
            inner = middle
    return outer
