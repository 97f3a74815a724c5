"""Histograms of microseconds for profiles: log-linear buckets, 256 in every power of two.

The layout is that of `scoring.contract`, sixteen times as fine: a percentile is at most 0.4 % above the true value.
They merge by addition. Recording is vectorised: counting a second of 20,000 requests takes about a millisecond.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

SUB_BITS = 8
SUB = 1 << SUB_BITS
MOST = (1 << 36) - 1  # 19 hours
BUCKETS = (36 - SUB_BITS) * SUB + SUB


def counted(durations: Sequence[int], per_microsecond: int = 1) -> dict[str, int]:
    """The sparse histogram of durations, of which `per_microsecond` make a microsecond."""
    values = np.clip(np.asarray(durations, dtype=np.int64) // per_microsecond, 0, MOST)
    shifts = np.maximum(np.frexp(values.astype(np.float64))[1] - SUB_BITS - 1, 0)
    buckets, counts = np.unique((shifts << SUB_BITS) + (values >> shifts), return_counts=True)
    return {str(bucket): int(count) for bucket, count in zip(buckets.tolist(), counts.tolist(), strict=True)}


def merged(histograms: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """All of them as one."""
    total: dict[str, int] = {}
    for histogram in histograms:
        for bucket, count in histogram.items():
            total[bucket] = total.get(bucket, 0) + count
    return total


def dense(histogram: Mapping[str, int]) -> NDArray[np.int64]:
    """Counts of all buckets, for arithmetic."""
    counts = np.zeros(BUCKETS, dtype=np.int64)
    for bucket, count in histogram.items():
        counts[int(bucket)] += count
    return counts


def upper_bound(bucket: int) -> int:
    """Largest duration of a bucket, in microseconds."""
    if bucket < 2 * SUB:
        return bucket
    shift = (bucket >> SUB_BITS) - 1
    return ((bucket - (shift << SUB_BITS) + 1) << shift) - 1


def quantile(counts: NDArray[np.int64], share: float) -> float | None:
    """The duration in milliseconds that `share` (0 to 1) of them did not exceed; None without any."""
    seen = np.cumsum(counts)
    if not seen[-1]:
        return None
    return upper_bound(int(np.searchsorted(seen, share * seen[-1] * (1 - 1e-12)))) / 1000


def percentile(histogram: Mapping[str, int], share: float) -> float | None:
    """The same of a sparse histogram."""
    return quantile(dense(histogram), share)


def mean(histogram: Mapping[str, int]) -> float | None:
    """Mean in milliseconds, from the buckets' middles; None without any."""
    total = sum(histogram.values())
    if not total:
        return None
    return sum((upper_bound(int(b)) + upper_bound(int(b) - 1) + 1) / 2 * n for b, n in histogram.items()) / total / 1000


def count_over(histogram: Mapping[str, int], milliseconds: float) -> int:
    """How many took longer; exact to the width of a bucket, whose members count as its upper bound."""
    limit = milliseconds * 1000
    return sum(count for bucket, count in histogram.items() if upper_bound(int(bucket)) > limit)
