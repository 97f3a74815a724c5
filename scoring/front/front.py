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
from scoring.front.heads import Head, Heads, Peer
from scoring.front.quota import Quotas
from scoring.front.relay import Relay
from scoring.front.routing_file import RoutingFile
from scoring.front.state import Revision
from scoring.front.table import Registry, Service, Table
from scoring.front_contract import FrontSettings, Routing
from scoring.http.connection_limit import evict_one
from scoring.http.serializer import Serializer, error_body, header_lines

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
SPARE_CONNECTIONS = 256  # that are told why they are refused
DRAIN_IDLE_SECONDS = 5.0  # a request may cross the close of an idle connection, so that waits


class Front:
    """What connections ask. `table` is replaced whole; `now` is the time of the last tick, epoch seconds."""

    def __init__(self, settings: FrontSettings, on_waiting: Callable[[], None] = lambda: None) -> None:
        self.settings = settings
        self.dispatcher = Dispatcher(on_waiting, self._reroute)
        self.registry = Registry()
        self.table = Table(Routing(number=0), [])
        self.heads = Heads()
        self.quotas = Quotas(Path(settings.folder) / "quotas.json")
        self.relay = Relay(settings.host)
        self.connections: set[Downstream] = set()
        self.draining = False
        self.connections_limit = _connections_limit(settings.connections_limit)
        self.now = time()
        self.is_public = not _is_loopback(settings.host)
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
        full = len(self.connections) >= limit
        refused = full and not evict_one(self.connections)
        self.connections.add(connection)
        if len(self.connections) > limit + SPARE_CONNECTIONS:
            connection.abort()
        elif refused:
            connection.fail(overloaded(f"{limit} connections are open already."))

    def closed(self, connection: Downstream) -> None:
        """A connection has ended."""
        self.connections.discard(connection)

    def begin(self, client: Downstream, head: Head, forwarded: bytes, body: bytes, complete: bool) -> Exchange:
        """A request; `dispatch` follows."""
        return self.dispatcher.begin(client, head, forwarded, body, complete)

    def dispatch(self, exchange: Exchange) -> None:
        """Send it to a replica, unless its key has been used up."""
        caller = exchange.head.caller
        if caller.key is not None and (error := self.quotas.use(exchange.head.service.id, caller)) is not None:
            exchange.refuse(error)
            return
        self.dispatcher.dispatch(exchange)

    def refusal(self, error: ScoringError, lines: bytes, head: Head | None) -> bytes:
        """An answer of the front itself; `lines` are complete header lines."""
        body = error_body(error, head is not None and head.is_v2)
        without = head is not None and head.is_head
        return self._serializer.reply(error.status, body, header_lines(error.headers) + lines, without_body=without)

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
        for connection in self.connections:
            connection.forget_heads(self.heads)
        self.relay.changed(table.services)
        self.dispatcher.removed(removed)
        self.dispatcher.changed(self.registry.revisions)
        log(f"routing file {routing.number}: {len(table.services)} services")

    def _reroute(self, exchange: Exchange) -> Revision | None:
        """Where a request waits on whose revision is gone."""
        wanted = exchange.head.service.id
        found: Service | None = next((one for one in self.table.services if one.id == wanted), None)
        return found.default if found is not None and exchange.head.pinned is None else None

    # -- time

    def tick(self) -> None:
        """Several times a second: the routing file, and who has waited too long."""
        self.now = time()
        self.read_routing()
        self.dispatcher.tick(monotonic())

    def sweep(self) -> None:
        """Once a second: time limits of connections."""
        self._serializer.tick()
        now = monotonic()
        for connection in list(self.connections):
            if self.draining:
                connection.sweep(now, DRAIN_IDLE_SECONDS)
            else:
                connection.sweep(now)
        self.dispatcher.sweep(now)

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


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_in(address: str, networks: list[Network]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)
