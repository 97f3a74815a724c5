"""A request under way: from a client to a replica, and its answer back."""

from time import monotonic
from typing import TYPE_CHECKING, Protocol

from scoring.core.errors import ScoringError, overloaded
from scoring.front.answers import AnswerReader
from scoring.front.heads import Head
from scoring.front.repeat import DIED, HELD_BYTES, Failure, may_repeat
from scoring.front.state import Replica, Revision
from scoring.front.upstream import Upstream

if TYPE_CHECKING:
    from scoring.front.dispatcher import Dispatcher

KEPT_BYTES = 300 * 1024  # of an answer; more than that is compared with nothing
GONE, CUT = 499, 502  # what is counted for a client that left, and for an answer that was cut off
BROKEN_IN_A_ROW = 3  # requests that a replica dropped, after which it is ejected


class Client(Protocol):
    """Who waits for an answer: a connection, or nobody where the request is a copy."""

    def take_part(self, part: bytes) -> None:
        """The next piece of an answer."""

    def take_end(self, exchange: "Exchange", closes: bool) -> None:
        """That was all of it."""

    def refuse(self, exchange: "Exchange", error: ScoringError) -> None:
        """There is no answer; nothing of one was taken."""

    def cut(self) -> None:
        """There is no rest of the answer."""

    def lines(self, exchange: "Exchange") -> bytes:
        """Headers to add to the answer, each after its line end."""

    def pause(self) -> None:
        """Send no more of the body for now."""

    def resume(self) -> None:
        """Go on."""


class Exchange:
    """`held`: the pieces of the body, framed as they are sent, while `is_held`. `complete`: all of it has come.
    `gathers`: it goes to a replica when all of its body has come, or as much as is held, since replicas are few.
    `sent`: when it went to the replica, 0 before; `moved`: when it first did, or its body or answer last moved, from
    which the time it may take is counted, however often it is sent. `over`: nothing more happens.
    """

    __slots__ = (
        "_dispatcher", "_repeats", "answering", "arrived", "client", "closes", "complete", "forwarded", "gathers",
        "head", "held", "held_size", "is_copy", "is_held", "is_simple", "kept", "moved", "over", "patience", "replica",
        "revision", "sent", "status", "took", "tried", "upstream",
    )  # fmt: skip

    def __init__(
        self, dispatcher: "Dispatcher", client: Client, head: Head, forwarded: bytes, revision: Revision, body: bytes,
        complete: bool,
    ) -> None:  # fmt: skip
        self._dispatcher = dispatcher
        self.client = client
        self.head = head
        self.forwarded = forwarded
        self.revision = revision
        self.held = [body] if body else []
        self.held_size = len(body)
        self.is_held = True
        self.is_copy = False  # of another request, for a revision that is tried out
        self.kept: bytearray | None = None  # the answer so far
        self.complete = complete
        self.is_simple = complete and not head.is_head  # its answer may be passed on without a closer look
        self.arrived = monotonic()
        self.sent = self.moved = self.took = 0.0
        self.answering = self.over = self.closes = False
        self.status = 0
        self.patience = 0.0  # until when it waits for a replica
        self.replica: Replica | None = None
        self.upstream: Upstream | None = None
        self._repeats: list[Failure] | None = None  # why it was sent again
        self.gathers = False
        self.tried: set[Replica] | None = None

    @property
    def occupies(self) -> bool:
        """Whether it keeps others from a replica."""
        return self.replica is not None and self.head.service.settings.concurrency is not None

    # -- towards the replica

    def assign(self, replica: Replica, now: float) -> None:
        """It will go to this replica, over a connection that follows."""
        self.replica = replica
        self.sent = now
        if self._repeats is None:
            self.moved = now
        replica.busy += 1
        self.revision.load.start(now)

    def send(self, upstream: Upstream) -> None:
        """Send what there is of it."""
        self.upstream = upstream
        upstream.send(self, b"".join((self.head.written, self.forwarded, *self.held)))
        if not self.complete:
            self.moved = monotonic()
            self._hold_no_more_than_allowed()
            if not upstream.is_write_paused:
                self.client.resume()

    def add(self, piece: bytes, *, complete: bool) -> None:
        """More of the body has come, framed as it is sent."""
        self.complete = complete
        self.moved = monotonic()
        if self.is_held:
            self.held.append(piece)
            self.held_size += len(piece)
        if self.upstream is not None:
            self.upstream.write(piece)
            self._hold_no_more_than_allowed()
            if self.upstream.is_write_paused:
                self.client.pause()
        elif self.gathers:
            if complete or self.held_size > HELD_BYTES:
                self.gathers = False
                self._dispatcher.dispatch(self)
        elif self.held_size > HELD_BYTES:
            self.client.pause()

    def _hold_no_more_than_allowed(self) -> None:
        if self.is_held and self.held_size > HELD_BYTES:
            self.is_held = False
            self.held = []

    # -- towards the client

    def answered_whole(self, upstream: Upstream, data: bytes, end: int) -> None:
        """A complete answer in one piece, whose head ends there."""
        self.status = int(data[9:12])
        self.client.take_part(b"".join((data[:end], self.client.lines(self), data[end:])))
        self._finish(upstream)
        self.client.take_end(self, False)
        if self.head.service.mirrors and not self.is_copy:
            self._dispatcher.mirror(self, data)

    def reader(self) -> AnswerReader:
        """What reads its answer where that is not simple."""
        is_old = self.head.is_old or self.is_copy  # a copy's answer is compared, chunks or not
        return AnswerReader(self.client.lines(self), is_head=self.head.is_head, is_old=is_old)

    def answered_part(self, reader: AnswerReader, part: bytes) -> None:
        """A piece of the answer for the client."""
        if reader.rows and not self.answering:
            self._count_rows(reader.rows)
        self.answering = True
        self.status, self.closes = reader.status, reader.closes
        self.moved = monotonic()
        self._keep(part, reader)
        self.client.take_part(part)

    def answered_end(self, upstream: Upstream | None) -> None:
        """The answer is complete; the connection, where it may be used again."""
        self._finish(upstream)
        self.client.take_end(self, self.closes)
        if self.kept is not None and not self.is_copy:
            self._dispatcher.mirror(self, bytes(self.kept))

    def _count_rows(self, rows: int) -> None:
        caller = self.head.caller
        if caller.used is not None and caller.has_rows_quota and not self.is_copy:
            caller.used.rows += rows

    def _keep(self, part: bytes, reader: AnswerReader) -> None:
        """Remember the answer where copies of the request may be sent."""
        if self.head.service.mirrors and reader.has_length and not self.is_copy:
            self.kept = (self.kept or bytearray()) + part[: KEPT_BYTES - len(self.kept or b"")]

    # -- what goes wrong

    def fail(self, failure: Failure) -> None:
        """The replica failed it. It is sent again where that is allowed."""
        replica = self.replica
        self._leave()
        if replica is not None:
            self._blame(replica, failure)
        if self.over:
            return
        if self.answering:
            self.over = True
            self._count(CUT)
            self.client.cut()
        elif may_repeat(failure, self._repeats or (), held=self.is_held and not (self.is_copy and failure in DIED)):
            self._repeats = [*(self._repeats or ()), failure]
            if replica is not None:
                self.tried = (self.tried or set()) | {replica}
            self._dispatcher.dispatch(self)
        else:
            self.refuse(_as_error(failure, self.head.service.settings.scoring_timeout_seconds))

    def refuse(self, error: ScoringError) -> None:
        """The front answers in the replica's place."""
        if not self.over:
            self.over = True
            self.status = error.status
            self._count(error.status)
            self.client.refuse(self, error)

    def abandon(self, status: int = GONE) -> None:
        """Nobody waits for it any more: the client has gone, or has been answered with this status."""
        self.over = True
        self._count(status)
        upstream = self.upstream
        self._leave()
        if upstream is not None:
            upstream.close()

    def give_up(self) -> None:
        """The replica took too long."""
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            upstream.close()
        self.fail(Failure.LATE)

    def _count(self, status: int) -> None:
        """Count what became of it where no whole answer of a replica did."""
        if not self.is_copy:
            codes = self.revision.counts.codes
            codes[status] = codes.get(status, 0) + 1

    def _blame(self, replica: Replica, failure: Failure) -> None:
        if failure is Failure.BROKEN:
            replica.broken += 1
        if failure in (Failure.UNREACHED, Failure.GARBAGE) or replica.broken >= BROKEN_IN_A_ROW:
            replica.broken = 0
            self._dispatcher.eject(replica, failure.value)

    def _finish(self, upstream: Upstream | None) -> None:
        self.over = True
        replica, sent = self.replica, self.sent
        if upstream is not None and replica is not None:
            replica.broken = 0
            if replica.gone:
                upstream.close()
            else:
                upstream.rest()
        now = self._leave()
        self.took = now - sent
        if not self.is_copy:
            self._dispatcher.note(self, now)

    def _leave(self) -> float:
        """It is at no replica any more; the time that this took note of."""
        now = monotonic()
        replica, self.replica, self.upstream = self.replica, None, None
        if replica is not None:
            replica.busy -= 1
            self.revision.load.end(now, self.sent)
            if self.revision.waiting:
                self._dispatcher.serve_waiting(self.revision)
        return now


def _as_error(failure: Failure, timeout: float) -> ScoringError:
    if failure is Failure.LATE:
        return ScoringError(504, "timeout", f"The service did not answer within {timeout:g} s.")
    if failure is Failure.UNREACHED:
        return overloaded("No replica of the service can be reached.")
    return ScoringError(502, "replica_failed", f"The replica {failure.value}, and the request is not repeated.")
