"""How long to wait before a process is replaced, and when to stop trying."""

QUICK_SECONDS = 10.0  # a process that ends sooner than this after it has loaded has hardly worked
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0


class Restarts:
    """Counts quick ends in a row, over all processes of the replica."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._quick = 0

    def pause_after(self, served: float) -> float | None:
        """Seconds to wait after a process ended that had served so long; None when it is time to give up."""
        if served >= QUICK_SECONDS:
            self._quick = 0
            return 0.0
        self._quick += 1
        if self._quick >= self._most:
            return None
        return 0.0 if self._quick == 1 else float(min(FIRST_PAUSE * 2 ** (self._quick - 2), LONGEST_PAUSE))
