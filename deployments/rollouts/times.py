"""Pure: how long the requests of a revision took lately, in the buckets of scoring.contract."""

from collections.abc import Mapping

from scoring.contract import BUCKETS, bucket_of, upper_bound

KEPT = 59 / 60  # of the past, with each cell: about five minutes
FORGOTTEN = 0.001
LEAST_REQUESTS = 100  # before a percentile means something
LEAST_MORE = 2000  # microseconds: smaller differences matter to nobody

Past = dict[int, float]  # requests by bucket, older ones counting less


def learned(past: Past, times: Mapping[int, int]) -> Past:
    """The past with one more cell."""
    kept = {bucket: count * KEPT for bucket, count in past.items() if count * KEPT > FORGOTTEN}
    for bucket, count in times.items():
        kept[bucket] = kept.get(bucket, 0.0) + count
    return kept


def quantile_bucket(past: Past, share: float) -> int:
    """The bucket of a quantile; 0 while there are too few requests."""
    wanted = share * sum(past.values())
    if wanted < share * LEAST_REQUESTS:
        return 0
    seen = 0.0
    for bucket in sorted(past):
        seen += past[bucket]
        if seen >= wanted:
            return bucket
    return max(past)


def threshold(bucket: int, factor: float) -> int:
    """The first bucket that is `factor` times and two milliseconds slower than `bucket`."""
    bound = upper_bound(bucket)
    least = max(factor * bound, bound + LEAST_MORE)
    first = bucket_of(int(least))
    while upper_bound(first) < least and first < BUCKETS - 1:
        first += 1
    return first


def above(times: Mapping[int, int], bucket: int) -> int:
    """Requests in slower buckets."""
    return sum(count for other, count in times.items() if other > bucket)


def milliseconds(bucket: int) -> float:
    """That the requests of a bucket take at most."""
    return upper_bound(bucket) / 1000
