"""Sends requests to replicas: least busy first, waiting where none is free, ejecting those that fail."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from itertools import count
from random import randrange
from time import monotonic

from scoring.contract import SMALL_BUCKETS, bucket_of
from scoring.core.errors import ScoringError, overloaded
from scoring.core.log import log
from scoring.front.addresses import Unreachable, connect, probe
from scoring.front.choice import LeastBusy
from scoring.front.exchange import Client, Exchange
from scoring.front.heads import Head
from scoring.front.mirror import Copy, Mirrors
from scoring.front.repeat import Failure
from scoring.front.state import Replica, Revision
from scoring.front.upstream import Upstream

WOKEN_SECONDS = 20.0  # after waking, while the backlog is worked off, the longer limit still holds
IDLE_SECONDS = 30.0  # of connections to replicas


class Dispatcher:
    """`on_waiting` is called when somebody waits for a revision without a replica; `reroute` says where a request goes
    whose revision is gone, None where it goes nowhere.
    """

    def __init__(self, on_waiting: Callable[[], None], reroute: Callable[[Exchange], Revision | None]) -> None:
        self._reroute = reroute
        self._picker = LeastBusy()
        self._on_waiting = on_waiting
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ids = count(randrange(1 << 40))  # noqa: S311 - no secret: different for each process
        self.waiting: set[Revision] = set()  # those that have requests waiting
        self.ejected: set[Replica] = set()
        self.mirrors = Mirrors(self._copy)
        self.owners: dict[Replica, set[Revision]] = {}

    def begin(self, client: Client, head: Head, forwarded: bytes, body: bytes, *, complete: bool) -> Exchange:
        """A new request."""
        revision = head.pinned
        if revision is None:
            revision = head.service.draw(head.slot)
            if not revision.ready:
                revision = head.service.substitute(revision)
        if head.user and head.service.users is not None:
            if head.pinned is None:
                head.service.users.come(head.user, revision.number)
            if head.id_start:
                forwarded = b"%b%012x\r\n%b" % (head.id_start, next(self._ids), forwarded)
        exchange = Exchange(self, client, head, forwarded, revision, body, complete)
        load = revision.load
        load.arrivals += 1
        load.last_request = exchange.arrived
        revision.counts.keys[head.caller.kind] += 1
        return exchange

    def mirror(self, exchange: Exchange, answer: bytes) -> None:
        """A caller has its whole answer: copies of its request may follow."""
        self.mirrors.answered(exchange, answer, exchange.took)

    def _copy(self, copy: Copy, exchange: Exchange, revision: Revision) -> Exchange:
        sent = Exchange(self, copy, exchange.head, exchange.forwarded, revision, b"".join(exchange.held), True)
        sent.is_copy = True
        revision.load.arrivals += 1
        revision.load.last_request = sent.arrived
        self.dispatch(sent)
        return sent

    def dispatch(self, exchange: Exchange) -> None:
        """Send a request, or let it wait."""
        revision = exchange.revision
        if revision.removed:  # while it was under way
            self.removed([revision], [exchange])
            return
        ready, limit = revision.ready, exchange.head.service.settings.concurrency
        if exchange.tried is not None:
            ready = [one for one in ready if one not in exchange.tried] or ready
        if len(ready) == 1 and limit is None:
            self._send(exchange, ready[0], monotonic())
            return
        replica = None if revision.waiting else self._picker.pick(ready, limit)
        if replica is None:
            if not ready and self._moves(exchange):
                self.dispatch(exchange)
                return
            self._wait(exchange, revision)
        else:
            self._send(exchange, replica, monotonic())

    def serve_waiting(self, revision: Revision) -> None:
        """A replica may be free."""
        waiting = revision.waiting
        while waiting:
            exchange = waiting[0]
            if exchange.over:
                waiting.popleft()
                continue
            replica = self._picker.pick(revision.ready, exchange.head.service.settings.concurrency)
            if replica is None:
                return
            waiting.popleft()
            self._send(exchange, replica, monotonic())
        self.waiting.discard(revision)

    def eject(self, replica: Replica, why: str) -> None:
        """Nothing goes to a replica until a probe succeeds."""
        if replica.gone:
            return
        if replica.health.fail(monotonic()):
            log(f"replica {replica.id} at {replica.address} {why}: it gets no requests until it answers a probe", "W")
        self.ejected.add(replica)
        for connection in replica.idle:
            connection.close()
        replica.idle.clear()
        for revision in self.owners.get(replica, ()):
            revision.sort_out()
            if not revision.ready:
                self._move_waiting(revision)

    def _moves(self, exchange: Exchange) -> bool:
        """Whether another revision answers, since the drawn one has no ready replica any more."""
        if exchange.is_copy or exchange.head.pinned is not None:
            return False
        before, exchange.revision = exchange.revision, exchange.head.service.substitute(exchange.revision)
        return exchange.revision is not before

    def _move_waiting(self, revision: Revision) -> None:
        """To another revision, where one is ready by now."""
        for exchange in list(revision.waiting):
            if not exchange.over and self._moves(exchange):
                revision.waiting.remove(exchange)
                self.dispatch(exchange)

    def removed(self, revisions: list[Revision], exchanges: Iterable[Exchange] = ()) -> None:
        """Revisions are gone: who waits for one of them, or must be sent again, goes where `reroute` says."""
        moving = [*exchanges, *(exchange for revision in revisions for exchange in revision.waiting)]
        for revision in revisions:
            self.waiting.discard(revision)
            revision.waiting.clear()
        for exchange in moving:
            other = None if exchange.over else self._reroute(exchange)
            if other is not None:
                exchange.revision = other
                self.dispatch(exchange)
            elif not exchange.over:
                message = "The service was removed or has no such revision now."
                exchange.refuse(ScoringError(503, "removed", message))

    def changed(self, revisions: list[Revision]) -> None:
        """There is a new table."""
        self.owners = {}
        for revision in revisions:
            for replica in revision.replicas:
                self.owners.setdefault(replica, set()).add(revision)
        self.ejected &= self.owners.keys()
        for revision in list(self.waiting):
            self.serve_waiting(revision)

    def note(self, exchange: Exchange, now: float) -> None:
        """Count an answer."""
        counts = exchange.revision.counts
        counts.codes[exchange.status] = counts.codes.get(exchange.status, 0) + 1
        taken = int((now - exchange.arrived) * 1e6)
        counts.latency[SMALL_BUCKETS[taken] if taken < 4096 else bucket_of(taken)] += 1

    def tick(self, now: float) -> None:
        """Several times a second: who has waited too long, and which ejected replicas to probe."""
        for revision in list(self.waiting):
            if not revision.ready:
                self._move_waiting(revision)
            for exchange in list(revision.waiting):
                if exchange.over or now > exchange.patience:
                    revision.waiting.remove(exchange)
                    exchange.refuse(self._waited(revision))
            if not revision.waiting:
                self.waiting.discard(revision)
        for replica in [one for one in self.ejected if one.health.is_due(now)]:
            replica.health.probing = True
            self._start(self._probe(replica))

    def sweep(self, now: float) -> None:
        """Once a second: copies that take too long, and connections that nobody has used for long, oldest first."""
        self.mirrors.sweep(now)
        for replica in self.owners:
            while replica.idle and now - replica.idle[0].since > IDLE_SECONDS:
                replica.idle.pop(0).close()

    def close(self) -> None:
        """End what runs in the background."""
        self.mirrors.close()
        for task in self._tasks:
            task.cancel()

    def _send(self, exchange: Exchange, replica: Replica, now: float) -> None:
        exchange.assign(replica, now)
        while replica.idle and exchange.tried is None:  # one that is sent again gets a connection that cannot be stale
            upstream = replica.idle.pop()
            if upstream.is_open:
                exchange.send(upstream)
                return
        self._start(self._connect(exchange, replica))

    async def _connect(self, exchange: Exchange, replica: Replica) -> None:
        try:
            upstream = await connect(replica, lambda: Upstream(replica))
        except Unreachable:
            if exchange.replica is replica and exchange.upstream is None:
                exchange.fail(Failure.UNREACHED)
            return
        if exchange.replica is replica and exchange.upstream is None and not exchange.over:
            exchange.send(upstream)
        elif replica.gone or not upstream.is_open:
            upstream.close()
        else:
            replica.idle.append(upstream)

    def _wait(self, exchange: Exchange, revision: Revision) -> None:
        settings = exchange.head.service.settings
        if len(revision.waiting) >= settings.queue_limit * max(len(revision.ready), 1):
            exchange.refuse(overloaded(f"{len(revision.waiting)} requests wait already."))
            return
        now = monotonic()  # it may have been at a replica before
        wakes = settings.wakes and (not revision.ready or now < revision.woke_at + WOKEN_SECONDS)
        exchange.patience = now + (settings.wake_seconds if wakes else settings.queue_wait_seconds)
        revision.waiting.append(exchange)
        self.waiting.add(revision)
        if not revision.replicas:
            self._on_waiting()

    @staticmethod
    def _waited(revision: Revision) -> ScoringError:
        if not revision.ready:
            return overloaded(f"No replica of revision {revision.number} is ready.")
        return overloaded("Every replica was busy for as long as a request may wait.")

    async def _probe(self, replica: Replica) -> None:
        answered = await probe(replica)
        replica.health.probed(monotonic(), answered)
        if answered:
            self.ejected.discard(replica)
            log(f"replica {replica.id} answers again")
            for revision in self.owners.get(replica, ()):
                revision.sort_out()
                self.serve_waiting(revision)

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
