"""Whether runs of a model or script are quick enough for the event loop."""


class Pace:
    """Decides from a moving average of run times whether runs may be made on the loop (`inline`).

    There a run holds up everything else, so only many quick runs move a model there. A single run that takes longer
    is forgiven, since on a busy machine it says more about the machine than about the model; one of a quarter of a
    second is not.
    """

    QUICK = 2_000_000  # nanoseconds: below this on average, runs go inline
    CLIP = 20_000_000  # no single run counts as longer in the average
    SLOW = 250_000_000  # a single run of this length ends it
    ENOUGH = 100  # quick runs before a thread is thought unnecessary; ten times as many after each relapse

    def __init__(self, seconds: float | None) -> None:
        """`seconds`: the measured length of a run, None where it is unknown."""
        self.inline = seconds is not None and seconds * 1e9 < self.QUICK
        self._average = seconds * 1e9 if seconds is not None else 0.0
        self._quick_runs = 0
        self._needed = self.ENOUGH

    def note(self, nanoseconds: int) -> None:
        """Take the length of a run into account."""
        average = self._average
        self._average = average = average + 0.05 * ((nanoseconds if nanoseconds < self.CLIP else self.CLIP) - average)
        if self.inline:
            if nanoseconds > self.SLOW or average > 2 * self.QUICK:
                self.inline, self._quick_runs = False, 0
                self._needed *= 10
        else:
            self._quick_runs = self._quick_runs + 1 if nanoseconds < self.CLIP else 0
            self.inline = self._quick_runs >= self._needed and average < self.QUICK


class AlwaysThreaded(Pace):
    """Never inline: runs that wait for something, or for a batch to fill, would hold up everything else."""

    def __init__(self) -> None:
        super().__init__(None)

    def note(self, nanoseconds: int) -> None:
        pass
