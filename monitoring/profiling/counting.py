"""What a run counts: seconds for live charts, and windows, which become repeats."""

import time
from array import array
from collections import Counter

from monitoring.profiling.latencies import counted, merged, percentile
from monitoring.profiling.messages import Histogram, Second
from monitoring.profiling.problems import Unusable

FIRST_ERRORS = 10  # without an answer: the service answers errors only
EXAMPLE_CHARACTERS = 300


class Window:
    """Counts of a stretch of time. `index` is the number of its repeat; negative where it is not told.

    Durations come in nanoseconds and are kept as they are until `condense`, which takes a millisecond: recording must
    cost next to nothing.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        self.sent = self.pending = self.answered = 0
        self.statuses: Counter[int] = Counter()
        self.errors: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.fresh = array("q")
        self.fresh_lag = array("q")
        self._latency: list[Histogram] = []
        self._lag: list[Histogram] = []
        self.began = time.time()
        self.began_ns = time.monotonic_ns()
        self.ended_ns = 0

    def fail(self, kind: str, example: str = "") -> None:
        """Count a request that got no right answer."""
        self.errors[kind] += 1
        if example and kind not in self.examples:
            self.examples[kind] = example[:EXAMPLE_CHARACTERS]

    def condense(self) -> Histogram:
        """Put what was recorded since the last time into the histograms; gives those latencies."""
        fresh = _condensed(self.fresh)
        if fresh:
            self._latency.append(fresh)
        if self.fresh_lag:
            self._lag.append(_condensed(self.fresh_lag))
        return fresh

    def latency(self) -> Histogram:
        """Of all that was condensed."""
        return merged(self._latency)

    def lag(self) -> Histogram:
        """Of all that was condensed."""
        return merged(self._lag)


def _condensed(nanoseconds: "array[int]") -> Histogram:
    histogram = counted(nanoseconds, per_microsecond=1000) if nanoseconds else {}
    del nanoseconds[:]
    return histogram


class Seconds:
    """Cuts what windows count into seconds, and gives a run up that gets nothing but errors."""

    def __init__(self) -> None:
        self._at = time.monotonic_ns()
        self._answered = self._failed = 0
        self._any = False

    def cut(self, windows: list[Window], *, measured: bool) -> Second:
        """The second that ends now. `windows`: all that were open in it."""
        now = time.monotonic_ns()
        fresh = merged(window.condense() for window in windows)
        answered = sum(window.answered for window in windows)
        failed = sum(window.errors.total() for window in windows)
        second = Second(
            at=time.time(),
            seconds=(now - self._at) / 1e9,
            phase="measured" if measured else "warm-up",
            answered=answered - self._answered,
            failed=failed - self._failed,
            p50=percentile(fresh, 0.5),
            p99=percentile(fresh, 0.99),
        )
        self._at, self._answered, self._failed = now, answered, failed
        self._any = self._any or answered > 0
        return second

    def forget(self, window: Window) -> None:
        """A window that is told counts no longer."""
        self._answered -= window.answered
        self._failed -= window.errors.total()

    def refuse_errors_only(self, windows: list[Window], at_once: int) -> None:
        """Unusable once several requests were answered, and every one with an error."""
        failed = sum((window.errors for window in windows), Counter[str]())
        if self._any or any(window.answered for window in windows) or failed.total() < min(FIRST_ERRORS, at_once):
            return
        kind, count = failed.most_common(1)[0]
        example = next((window.examples[kind] for window in windows if kind in window.examples), "")
        raise Unusable(
            "only_errors",
            f"No request was answered as it should be: {count} of {failed.total()} failed with {kind!r}.",
            "Send one of the bodies by hand, and look at the log of the service.",
            example,
        )
