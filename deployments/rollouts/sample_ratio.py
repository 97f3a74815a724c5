"""Pure: whether users came in the shares that they should have come in, at any time.

Where they did not, something loses users of one revision, and no comparison of the two means anything. Count users, not
requests: those of sticky users are not independent, and would raise the alarm after 200 users.
Lindon and Malek 2022: a Dirichlet prior of weight `CONFIDENCE` around the shares.
"""

import math
from collections.abc import Sequence

CONFIDENCE = 1000.0
ALARM = 1000.0  # an e-value: right shares reach it once in a thousand splits


def sample_ratio(users: Sequence[int], shares: Sequence[float]) -> float:
    """The logarithm of the e-value against "the users came in these shares" (which add up to 1).

    Where the shares have changed begin anew, and add the logarithms.
    """
    evidence = math.lgamma(CONFIDENCE) - math.lgamma(CONFIDENCE + sum(users))
    for count, share in zip(users, shares, strict=True):
        prior = CONFIDENCE * share
        evidence += math.lgamma(prior + count) - math.lgamma(prior) - count * math.log(share)
    return evidence
