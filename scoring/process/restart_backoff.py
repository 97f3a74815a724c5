"""How long to wait before a process is replaced, and when to stop trying."""

STABLE_SECONDS = 10.0  # a process that ends sooner than this after it has loaded has hardly worked
FIRST_DELAY = 0.2
MAX_DELAY = 5.0


class RestartBackoff:
    """Counts quick ends in a row, over all processes of the replica."""

    def __init__(self, max_quick_exits: int) -> None:
        self._max_quick_exits = max_quick_exits
        self._quick_exits = 0

    def delay_after(self, seconds_ready: float) -> float | None:
        """Seconds to wait after a process ended that was ready for so long; None when it is time to give up."""
        if seconds_ready >= STABLE_SECONDS:
            self._quick_exits = 0
            return 0.0
        self._quick_exits += 1
        if self._quick_exits >= self._max_quick_exits:
            return None
        return 0.0 if self._quick_exits == 1 else float(min(FIRST_DELAY * 2 ** (self._quick_exits - 2), MAX_DELAY))
