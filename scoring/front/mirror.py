"""Copies of requests for revisions that are tried out: after the caller has its answer, bounded, never in its way.

A copy is sent when the answer has gone to the caller, so it cannot delay it; what the mirror answers is compared with
that and thrown away. Bodies and answers above COPIED_BYTES and answers in chunks are not copied.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import random
from time import monotonic, time

from scoring.core.errors import ScoringError
from scoring.front.compare import Difference, compare
from scoring.front.exchange import Exchange
from scoring.front.heads import END
from scoring.front.state import Revision
from scoring.front_contract import Agreement

COPIED_BYTES = 256 * 1024
AT_ONCE = 16  # copies under way at a revision; more are dropped
INLINE_BYTES = 2048  # larger answers are compared in a thread
Answer = tuple[int, bytes]
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
        answer = (exchange.status, b"".join(self._parts).partition(END)[2])
        self._tally.slower += monotonic() - self._began - self._took
        self._mirrors.ended(exchange, self._tally)
        self._mirrors.compare(self._tally, self._caller, answer)

    def refuse(self, exchange: Exchange, error: ScoringError) -> None:
        self._tally.failed += 1
        self._mirrors.ended(exchange, self._tally)

    def cut(self) -> None:
        self._tally.failed += 1
        self._mirrors.ended(None, self._tally)

    def lines(self, exchange: Exchange) -> bytes:
        return b""

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass


class Tally:
    """What was found of a mirror since the front started."""

    def __init__(self) -> None:
        self.compared = self.disagreed = self.failed = self.dropped = self.under_way = 0
        self.slower = 0.0
        self.outputs: dict[str, float] = {}

    def add(self, difference: Difference) -> None:
        """One more comparison."""
        self.compared += 1
        self.disagreed += not difference.agrees
        for name, distance in difference.outputs.items():
            if len(self.outputs) < 100 or name in self.outputs:
                self.outputs[name] = max(self.outputs.get(name, 0.0), distance)


class Mirrors:
    """Sends copies, and counts how their answers agree with those that callers got."""

    def __init__(self, send: Send) -> None:
        """`send` sends an exchange's request once more, for a copy, to a revision."""
        self._send = send
        self._since = time()
        self._tallies: dict[tuple[int, int], Tally] = {}
        self._under_way: set[Exchange] = set()
        self._comparing = ThreadPoolExecutor(1, "compare")
        self._loop = asyncio.get_running_loop()

    def answered(self, exchange: Exchange, answer: bytes, took: float) -> None:
        """A caller has its whole answer, which took so many seconds: send copies to those that are due."""
        if not exchange.is_held or exchange.held_size > COPIED_BYTES or len(answer) > COPIED_BYTES:
            return
        for revision, share in exchange.head.service.mirrors:
            if revision is exchange.revision or random() >= share:  # noqa: S311
                continue
            tally = self._tallies.setdefault((revision.service, revision.number), Tally())
            if tally.under_way >= AT_ONCE or not revision.ready:
                tally.dropped += 1
                continue
            tally.under_way += 1
            copy = Copy(self, tally, (exchange.status, answer.partition(END)[2]), took)
            sent = self._send(copy, exchange, revision)
            if not sent.over:
                self._under_way.add(sent)

    def ended(self, exchange: Exchange | None, tally: Tally) -> None:
        """A copy is done with."""
        tally.under_way -= 1
        if exchange is not None:
            self._under_way.discard(exchange)

    def compare(self, tally: Tally, caller: Answer, mirror: Answer) -> None:
        """Compare two answers, large ones in a thread, behind those before them."""
        if len(caller[1]) + len(mirror[1]) <= INLINE_BYTES:
            tally.add(compare(caller, mirror))
            return
        done = self._loop.run_in_executor(self._comparing, compare, caller, mirror)
        done.add_done_callback(lambda found: None if found.cancelled() else tally.add(found.result()))

    def sweep(self, now: float) -> None:
        """Once a second: copies that take too long."""
        for exchange in list(self._under_way):
            if exchange.over:
                self._under_way.discard(exchange)
            elif exchange.sent and now - exchange.moved > exchange.head.service.settings.scoring_timeout_seconds:
                exchange.give_up()

    def report(self) -> list[Agreement]:
        """What was found so far."""
        return [
            Agreement(
                service=service,
                revision=revision,
                since=self._since,
                compared=tally.compared,
                disagreed=tally.disagreed,
                failed=tally.failed,
                dropped=tally.dropped,
                outputs=dict(tally.outputs),
                slower_microseconds=tally.slower / tally.compared * 1e6 if tally.compared else 0.0,
            )
            for (service, revision), tally in self._tallies.items()
        ]

    def close(self) -> None:
        """End."""
        self._comparing.shutdown(wait=False, cancel_futures=True)
