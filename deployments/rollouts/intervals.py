"""Pure: between which bounds a figure probably lies, at whatever moment somebody looks.

All rates at which what was seen is not too unlikely: beside the mean likelihood over Beta(1/2, 1/2), by Ville's
inequality no true rate is ever left out with more than ALPHA (Robbins 1970). Quantiles: by the rate of what lies above
each edge of the buckets.
"""

import math
from collections.abc import Callable

from deployments.rollouts.times import Past, milliseconds

ALPHA = 0.05
HALVINGS = 50


def rate(bad: float, total: float) -> tuple[float, float]:
    """Bounds of the rate of which `bad` of `total` were seen."""
    good = total - bad
    mean = math.lgamma(bad + 0.5) + math.lgamma(good + 0.5) - math.lgamma(total + 1) - math.log(math.pi)

    def is_unlikely(p: float) -> bool:
        likelihood = (bad * math.log(p) if bad else 0.0) + (good * math.log1p(-p) if good else 0.0)
        return mean - likelihood > math.log(1 / ALPHA)

    seen = bad / total if total else 0.5
    low = _edge(is_unlikely, 0.0, seen) if bad else 0.0
    high = _edge(is_unlikely, 1.0, seen) if good else 1.0
    return (low, high) if total else (0.0, 1.0)


def quantile(past: Past, share: float) -> tuple[float, float | None]:
    """Bounds of a quantile in milliseconds; None where the slowest requests seen do not bound it."""
    total = not_below = sum(past.values())
    low, high = 0.0, None
    for bucket in sorted(past):
        above = max(not_below - past[bucket], 0.0)
        if rate(not_below, total)[0] > 1 - share:
            low = milliseconds(bucket - 1)
        if rate(above, total)[1] < 1 - share:
            high = milliseconds(bucket)
            break
        not_below = above
    return low, high


def _edge(is_unlikely: Callable[[float], bool], outer: float, inner: float) -> float:
    """Where rates become unlikely between `outer`, which is, and `inner`, which is not."""
    for _ in range(HALVINGS):
        middle = (outer + inner) / 2
        if is_unlikely(middle):
            outer = middle
        else:
            inner = middle
    return outer
