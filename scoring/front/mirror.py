"""Copies of requests for revisions that are tried out: after the caller has its answer, bounded, never in its way.

A copy is sent when the answer has gone to the caller, so it cannot delay it; what the mirror answers is compared with
that and thrown away. Requests whose body or answer is above COPIED_BYTES, or answered in chunks, are not copied.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import random
from time import monotonic

from scoring.core.errors import ScoringError
from scoring.front.compare import Answer, Difference, compare, rounded_up, shown
from scoring.front.exchange import Exchange
from scoring.front.heads import END
from scoring.front.state import Revision

COPIED_BYTES = 256 * 1024
AT_ONCE = 16  # copies of a revision that are under way or waiting to be compared; more are dropped
OUTPUTS = 20  # of an answer whose distances are kept
LABELS = 1000  # of distances in a window
INLINE_BYTES = 2048  # larger answers are compared in a thread
Send = Callable[["Copy", Exchange, Revision], Exchange]


class Copy:
    """Takes the mirror's answer in a client's place."""

    def __init__(self, mirrors: "Mirrors", tally: "Tally", caller: Answer, took: float) -> None:
        self._mirrors, self._tally, self._caller, self._took = mirrors, tally, caller, took
        self._parts: list[bytes] = []
        self._size = 0
        self._began = monotonic()

    def take_part(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= 2 * COPIED_BYTES:
            self._parts.append(part)

    def take_end(self, exchange: Exchange, closes: bool) -> None:
        self._tally.took(self._took, monotonic() - self._began)
        self._mirrors.under_way.discard(exchange)
        self._mirrors.compare(self._tally, self._caller, answer_of(exchange.status, b"".join(self._parts)))

    def refuse(self, exchange: Exchange, error: ScoringError) -> None:
        """The front answers: the mirror failed it or was late; or it never got it, for want of room or of a replica."""
        self._tally.end("failed" if exchange.sent else "dropped")
        self._mirrors.under_way.discard(exchange)

    def cut(self) -> None:
        self._tally.end("failed")

    def lines(self, exchange: Exchange) -> bytes:
        return b""

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass


class Tally:
    """Counts what is found of a mirror, for the next window of the revision."""

    def __init__(self, revision: Revision) -> None:
        self._revision = revision
        self.under_way = 0

    def count(self, end: str) -> None:
        """How one more copy ended, of scoring.contract.COPIES."""
        _add(self._revision.counts.copies, end, 1)

    def end(self, how: str) -> None:
        """A copy that was under way has ended so."""
        self.under_way -= 1
        self.count(how)

    def took(self, caller: float, copy: float) -> None:
        """Seconds of the caller's answer and of the copy's."""
        times = self._revision.counts.copy_time
        _add(times, "caller", int(caller * 1e6))
        _add(times, "copy", int(copy * 1e6))

    def add(self, difference: Difference) -> None:
        """One more comparison."""
        self.end("agreed" if difference.agrees else "disagreed")
        distances = self._revision.counts.distances
        for name, distance in list(difference.outputs.items())[:OUTPUTS]:
            label = f"{rounded_up(distance)} {shown(name)}"
            if label in distances or len(distances) < LABELS:
                _add(distances, label, 1)


def _add(counts: dict[str, int], label: str, count: int) -> None:
    counts[label] = counts.get(label, 0) + count


class Mirrors:
    """Sends copies, and counts how their answers agree with those that callers got."""

    def __init__(self, send: Send) -> None:
        """`send` sends an exchange's request once more, for a copy, to a revision."""
        self._send = send
        self._tallies: dict[Revision, Tally] = {}
        self.under_way: set[Exchange] = set()
        self._comparing = ThreadPoolExecutor(1, "compare")
        self._loop = asyncio.get_running_loop()

    def answered(self, exchange: Exchange, answer: bytes, took: float) -> None:
        """A caller has its whole answer, which took so many seconds: send copies to those that are due."""
        if not exchange.is_held or exchange.held_size > COPIED_BYTES or len(answer) > COPIED_BYTES:
            return
        for revision, share in exchange.head.service.mirrors:
            if revision is exchange.revision or random() >= share:  # noqa: S311
                continue
            tally = self._tallies.get(revision) or self._tallies.setdefault(revision, Tally(revision))
            if tally.under_way >= AT_ONCE or not revision.ready:
                tally.count("dropped")
                continue
            tally.under_way += 1
            copy = Copy(self, tally, answer_of(exchange.status, answer), took)
            sent = self._send(copy, exchange, revision)
            if not sent.over:
                self.under_way.add(sent)

    def compare(self, tally: Tally, caller: Answer, mirror: Answer) -> None:
        """Compare two answers, large ones in a thread, behind those before them."""
        if len(caller.body) + len(mirror.body) <= INLINE_BYTES and not (caller.coding or mirror.coding):
            tally.add(compare(caller, mirror))
            return
        done = self._loop.run_in_executor(self._comparing, compare, caller, mirror)
        done.add_done_callback(lambda found: None if found.cancelled() else tally.add(found.result()))

    def sweep(self, now: float) -> None:
        """Once a second: copies that take too long, and mirrors that are gone."""
        for revision in [one for one, tally in self._tallies.items() if one.removed and not tally.under_way]:
            del self._tallies[revision]
        for exchange in list(self.under_way):
            if exchange.over:
                self.under_way.discard(exchange)
            elif exchange.sent and now - exchange.moved > exchange.head.service.settings.scoring_timeout_seconds:
                exchange.give_up()

    def close(self) -> None:
        """End."""
        self._comparing.shutdown(wait=False, cancel_futures=True)


def answer_of(status: int, data: bytes) -> Answer:
    """An answer as it was passed on."""
    head, _, body = data.partition(END)
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    return Answer(status, body, next((value.strip() for name, _, value in lines if name == b"content-encoding"), b""))
