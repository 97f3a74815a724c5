"""How sure percentiles are, from repeats.

Latencies within a repeat hang together (a queue remembers), so that the textbook interval from order statistics covers
the true p99 in 74 to 11 % of cases instead of 95; repeats are as good as independent. The histograms of all repeats are
merged, and the interval comes from leaving out one repeat at a time, in logarithms because percentiles are ratios.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from monitoring.profiling.latencies import count_over, dense, quantile
from monitoring.profiling.messages import Histogram, Repeat

LEAST, MOST = 10, 30  # repeats of a stable measurement
STABLE_P50, STABLE_P99 = 0.02, 0.10  # half widths, as shares
LAG = 0.10  # of the measured p50, that the generator's own lag may have
REPEAT_SECONDS, REPEAT_REQUESTS = 5.0, 5000  # of a repeat at least
ENOUGH_ANSWERS = 100  # in all repeats, for a p99
# Student's t, two-sided 95 %, by degrees of freedom from 1 on; from 30 on the last within 2 %.
STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


@dataclass(frozen=True)
class Interval:
    """A percentile in milliseconds; with 95 % it lies between `low` and `high`. `half_width` is of its logarithm."""

    value: float
    half_width: float

    @property
    def low(self) -> float:
        return self.value * math.exp(-self.half_width)

    @property
    def high(self) -> float:
        return self.value * math.exp(self.half_width)


def student(freedom: int) -> float:
    """The 97.5 % point of Student's distribution."""
    return STUDENT[min(freedom, len(STUDENT)) - 1]


def leave_one_out(histograms: Sequence[Histogram], share: float) -> Interval | None:
    """A percentile of all repeats together, and how sure it is; None without answers or from fewer than two repeats."""
    counts = [dense(histogram) for histogram in histograms if histogram]
    repeats = len(counts)
    if repeats < 2:
        return None
    total = np.sum(counts, axis=0)
    value = quantile(total, share)
    others = [quantile(total - one, share) for one in counts]
    logs = np.log([max(other or 0.0, 1e-3) for other in others])
    spread = math.sqrt((repeats - 1) / repeats * float(np.sum((logs - logs.mean()) ** 2)))
    return Interval(max(value or 0.0, 1e-3), student(repeats - 1) * spread)


@dataclass(frozen=True)
class Over:
    """The share of requests that took longer than a limit or failed; with 95 % it is at most `high`."""

    share: float
    high: float


def share_over(repeats: Sequence[Repeat], milliseconds: float) -> Over | None:
    """Tests `p99 <= X` directly: it holds where `high` is at most 1 %. None without requests."""
    asked = [(one, one.answered + sum(one.errors.values())) for one in repeats]
    shares = [
        (count_over(one.latency, milliseconds) + sum(one.errors.values())) / total for one, total in asked if total
    ]
    if not shares:
        return None
    mean = float(np.mean(shares))
    if len(shares) < 2:
        return Over(mean, 1.0)
    return Over(mean, mean + student(len(shares) - 1) * float(np.std(shares, ddof=1)) / math.sqrt(len(shares)))


def is_late(repeats: Sequence[Repeat]) -> bool:
    """Whether the generator's own lag is too large a part of what it measured for its figures to be told."""
    lag, latency = _percentile(repeats, "lag", 0.99), _percentile(repeats, "latency", 0.5)
    return lag is not None and latency is not None and lag > LAG * latency


def _percentile(repeats: Sequence[Repeat], which: Literal["lag", "latency"], share: float) -> float | None:
    counts = [dense(getattr(one, which)) for one in repeats]
    return quantile(np.sum(counts, axis=0), share) if counts else None


def is_stable(repeats: Sequence[Repeat]) -> bool:
    """Whether p50 is within 2 % and p99 within 10 %, from at least ten repeats."""
    if len(repeats) < LEAST:
        return False
    p50, p99 = (leave_one_out([one.latency for one in repeats], share) for share in (0.5, 0.99))
    return p50 is not None and p99 is not None and p50.half_width <= STABLE_P50 and p99.half_width <= STABLE_P99


def quiet(repeats: Sequence[Repeat]) -> list[Repeat]:
    """Those that nothing else on the machine disturbed."""
    return [one for one in repeats if not one.noise.reason]


def enough(repeats: Sequence[Repeat], least: int = LEAST, most: int = MOST) -> bool:
    """Whether to stop: stable, or as many quiet ones as there may be, or as many noisy ones as asked for in all."""
    good = quiet(repeats)
    if len(repeats) - len(good) > max(least, len(good)):
        return True  # as many again were made, and are noisy too
    return len(good) >= most or (len(good) >= least and is_stable(good))


def repeat_seconds(rate: float) -> float:
    """Length of a repeat: 5 s and 5,000 requests at least, at this rate of answers."""
    return max(REPEAT_SECONDS, REPEAT_REQUESTS / max(rate, 1e-9))
