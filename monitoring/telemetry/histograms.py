"""Histograms as values: sparse {bucket: count} in the buckets of scoring.contract, added and read.

Keys are bucket numbers as text, as they travel in JSON. Adding is the only way to merge, so that a percentile is
always read from the merged counts and never averaged.
"""

from collections.abc import Mapping

from scoring.contract import upper_bound


def add(total: dict[str, float], more: Mapping[str, float], weight: float = 1) -> dict[str, float]:
    """Add `weight` times `more` to `total`, in place; also right for counts by status code."""
    for key, count in more.items():
        total[key] = total.get(key, 0) + (count if weight == 1 else count * weight)
    return total


def percentile(histogram: Mapping[str, float], share: float) -> float | None:
    """The duration, in milliseconds, that `share` (0 to 1) of the requests did not exceed; None without any.

    It is the upper bound of the bucket that holds the request of that rank: at most 1/15 above the true value.
    """
    total = sum(histogram.values())
    if total <= 0:
        return None
    wanted, seen, last = share * total, 0.0, 0
    for last in sorted(map(int, histogram)):
        seen += histogram[str(last)]
        if seen >= wanted - 1e-9 * total:
            break
    return upper_bound(last) / 1000
