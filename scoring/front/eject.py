"""When a replica gets no requests for a while, and when it is asked again. Pure: times are given."""

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 8.0  # seconds between probes, doubling


class Health:
    """A replica that cannot be reached, drops a request or answers garbage is ejected at once, until a probe succeeds.

    For example a failure at 10.0 means a probe at 10.25; where that fails, one at 10.75, then 11.75, and so on.
    """

    __slots__ = ("ejected", "pause", "probe_at", "probing")

    def __init__(self) -> None:
        self.ejected = self.probing = False
        self.probe_at = 0.0
        self.pause = FIRST_PAUSE

    def fail(self, now: float) -> bool:
        """It failed; True if it is ejected with that."""
        newly, self.ejected = not self.ejected, True
        if newly:
            self.pause = FIRST_PAUSE
        self.probe_at = now + self.pause
        return newly

    def is_due(self, now: float) -> bool:
        """Whether to probe it now."""
        return self.ejected and not self.probing and now >= self.probe_at

    def probed(self, now: float, answered: bool) -> None:
        """What came of a probe."""
        self.probing = False
        if answered:
            self.ejected = False
            return
        self.pause = min(self.pause * 2, LONGEST_PAUSE)
        self.probe_at = now + self.pause
