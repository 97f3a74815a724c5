"""How long the parts of a call took."""

from collections.abc import Collection

HEAVY_SECONDS = 0.0005  # quicker models answer on the loop, in several processes: HTTP costs more than the run


class Timings:
    """Nanoseconds that a call spent in each step, and the rows of the run that it shared; `own_rows` are its part.

    `exclusive` says that nothing else waits or runs, so that the run may use all cores; `batch_follower`, that the
    timings of another call of the same run stand for the run. `noted`: events that a script noted of the request.
    """

    __slots__ = ("batch_follower", "decode", "encode", "exclusive", "infer", "noted", "own_rows", "rows")

    def __init__(self) -> None:
        self.decode = self.infer = self.encode = 0
        self.rows = self.own_rows = 1
        self.exclusive = self.batch_follower = False
        self.noted: Collection[str] = ()
