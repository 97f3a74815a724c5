"""What came of a service's requests, and which of two revisions is better for users."""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote

from slipway.calls import Calls
from slipway.types import Verdict

AT_ONCE = 1000


class OutcomesOfServices:
    """`client.outcomes`."""

    def __init__(self, calls: Calls) -> None:
        self._call = calls.call

    def tell(self, service: str, outcomes: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """Tell what came of requests. Each names its "user", by the value that requests stick by, or the "request_id"
        that the front gave; and has a "value", a "name" and a "time" (both may be left out). Repeating it is harmless.

        How many were "accepted", and how many of these are of users that no front has seen yet ("unknown").
        """
        counts = {"accepted": 0, "unknown": 0}
        for first in range(0, len(outcomes), AT_ONCE):
            body = {"outcomes": list(outcomes[first : first + AT_ONCE])}
            answer = self._call("POST", f"services/{quote(service)}/outcomes", body)
            counts = {key: counts[key] + answer[key] for key in counts}
        return counts

    def verdict(self, service: str, **asked: Any) -> Verdict:
        """Which revision is better. `asked`: name of the outcome, matters (the smallest difference that does),
        wait_seconds for an outcome, days that it must have gone on, revision beside the default one."""
        given = {key: value for key, value in asked.items() if value is not None}
        return cast(Verdict, self._call("GET", f"services/{quote(service)}/verdict", params=given))
