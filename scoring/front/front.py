"""The front in one process: its table of services, its clients' connections, and what happens once a second."""

import ipaddress
import resource
from collections.abc import Callable
from pathlib import Path
from time import monotonic, time

from scoring.core.answer import TEXT
from scoring.core.errors import ScoringError, overloaded
from scoring.core.log import log
from scoring.front.dispatcher import Dispatcher
from scoring.front.downstream import Downstream
from scoring.front.exchange import Exchange
from scoring.front.heads import Heads, Peer
from scoring.front.quota import Quotas
from scoring.front.relay import Relay
from scoring.front.routing_file import RoutingFile
from scoring.front.state import Revision
from scoring.front.table import Registry, Table
from scoring.front_contract import FrontSettings
from scoring.http.connection_limit import evict
from scoring.http.loopback_guard import is_loopback
from scoring.http.serializer import Serializer, error_body, header_lines

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
SPARE_CONNECTIONS = 256  # that are told why they are refused
EVICTED_AT_ONCE = 64  # one in so many connections
FULL_SECONDS = 0.1  # without a look for connections that could make room, after one that found none
DRAIN_IDLE_SECONDS = 5.0  # a request may cross the close of an idle connection, so that waits


class Front:
    """What connections ask. `table` is replaced whole; `now` is the time of the last tick, epoch seconds."""

    def __init__(self, settings: FrontSettings, on_waiting: Callable[[], None] = lambda: None) -> None:
        self.dispatcher = Dispatcher(on_waiting, self._reroute)
        self.registry = Registry()
        self.table = Table([])
        self.heads = Heads()
        self.quotas = Quotas(Path(settings.folder) / "quotas")
        self.relay = Relay(settings.host, Path(settings.folder))
        self.connections: set[Downstream] = set()
        self.draining = False
        self.connections_limit = _connections_limit(settings.connections_limit)
        self.now = time()
        self._full_until = 0.0
        self.is_public = not is_loopback(settings.host)
        self.file = RoutingFile(settings.routing)
        self._serializer = Serializer()
        self._trusted = [ipaddress.ip_network(one, strict=False) for one in settings.trusted_proxies]

    # -- what connections call

    def peer(self, address: str, *, tls: bool) -> Peer:
        """Who is at the other end of a connection."""
        trusted = bool(self._trusted) and _is_in(address, self._trusted)
        return Peer(address.encode(), tls, trusted)

    def opened(self, connection: Downstream) -> None:
        """A new connection; where there are too many, a slow or idle one makes room."""
        limit = self.connections_limit
        refused = len(self.connections) >= limit and not self._make_room()
        self.connections.add(connection)
        if len(self.connections) > limit + SPARE_CONNECTIONS:
            connection.abort()
        elif refused:
            connection.fail(overloaded(f"{limit} connections are open already."))

    def _make_room(self) -> bool:
        """A look at all connections takes long: it closes several, and where it finds none it is not repeated at once,
        or a flood of connections would leave time for nothing else."""
        now = monotonic()
        if now < self._full_until:
            return False
        found = evict(self.connections, max(self.connections_limit // EVICTED_AT_ONCE, 1))
        self._full_until = 0.0 if found else now + FULL_SECONDS
        return bool(found)

    def closed(self, connection: Downstream) -> None:
        """A connection has ended."""
        self.connections.discard(connection)

    def dispatch(self, exchange: Exchange) -> None:
        """Send it to a replica, unless its key has been used up."""
        caller = exchange.head.caller
        if caller.used is not None and (error := self.quotas.use(caller)) is not None:
            exchange.refuse(error)
        elif exchange.complete or exchange.head.service.settings.concurrency is None:
            self.dispatcher.dispatch(exchange)
        else:  # replicas take few at a time: none is kept waiting for a body
            exchange.gathers = True

    def refusal(self, error: ScoringError, lines: bytes, *, is_v2: bool, is_head: bool) -> bytes:
        """An answer of the front itself; `lines` are complete header lines, `is_v2` chooses the form of the body."""
        body, headers = error_body(error, is_v2), header_lines(error.headers) + lines
        return self._serializer.reply(error.status, body, headers, without_body=is_head)

    def health(self, is_head: bool) -> bytes:
        """The front's own health page; a header says which routing file is in use."""
        lines = b"x-slipway-routing: %d\r\nconnection: close\r\n" % self.file.applied
        return self._serializer.reply(200, b"Healthy", lines, content_type=TEXT, without_body=is_head)

    # -- the table

    def read_routing(self) -> None:
        """Take a new routing file over, if there is a good one."""
        routing = self.file.read()
        if routing is None:
            return
        try:
            table, removed = self.registry.build(routing)
        except ValueError as error:
            self.file.refuse(str(error))
            return
        self.file.take(routing)
        self.quotas.changed(table.services)
        self.table, self.heads = table, Heads()
        self.relay.changed(table.services)
        self.dispatcher.removed(removed)
        self.dispatcher.changed(self.registry.revisions)
        log(f"routing file {routing.number}: {len(table.services)} services")

    def _reroute(self, exchange: Exchange) -> Revision | None:
        """Where a request waits on whose revision is gone. Copies are of no use to another one."""
        found = self.table.by_id.get(exchange.head.service.id)
        if found is None or exchange.is_copy or exchange.head.pinned is not None:
            return None
        return found.default

    # -- time

    def tick(self) -> None:
        """Several times a second: the routing file, and who has waited too long."""
        self.now = time()
        self.read_routing()
        self.dispatcher.tick(monotonic())

    def sweep(self) -> None:
        """Once a second: time limits of connections, and what is kept or offered to other front processes."""
        self._serializer.tick()
        now = monotonic()
        for connection in list(self.connections):
            if self.draining:
                connection.sweep(now, DRAIN_IDLE_SECONDS)
            else:
                connection.sweep(now)
        self.dispatcher.sweep(now)
        self.relay.tick()
        self.quotas.tick()

    def stop_now(self) -> None:
        """Nobody comes after us: idle connections close at once."""
        for connection in list(self.connections):
            if connection.exchange is None:
                connection.abort()


def _connections_limit(wanted: int) -> int:
    """As many connections as there are descriptors for: each may need one towards a replica."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return wanted if hard == resource.RLIM_INFINITY else max(min(wanted, (hard - SPARE_CONNECTIONS) // 2), 1)


def _is_in(address: str, networks: list[Network]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)
