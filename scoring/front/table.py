"""The routing file as look-up tables. A change makes a new table, which takes the place of the old one in one step."""

from collections import Counter
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from scoring.core.errors import ScoringError
from scoring.front.auth import Credentials
from scoring.front.choice import random_slot
from scoring.front.state import Replica, Revision
from scoring.front.users import Users
from scoring.front_contract import FIRST_WORKSPACE, SLOTS, FrontService, Routing, slot_of, user_id
from scoring.http.loopback_guard import name_of

MOST_SEED_BYTES = 64  # of the hash that sticky values get their slot by
AZURE = (b"api", b"v1", b"service")
Found = tuple["Service", bytes]


class Service:
    """A service of one table: its settings, and the revisions that its slots belong to."""

    def __init__(self, found: FrontService, revisions: dict[int, Revision]) -> None:
        """ValueError for what does not fit together."""
        self.settings = found
        self.id = found.id
        self.credentials = Credentials(found)
        self.revisions = [revisions[one.number] for one in found.revisions]
        if found.default not in revisions:
            raise ValueError(f"{found.workspace}/{found.name}: revision {found.default} is its default and not there")
        self.default = revisions[found.default]
        self.by_name = {str(one.number).encode(): revisions[one.number] for one in found.revisions}
        self.by_name |= {one.label.encode(): revisions[one.number] for one in found.revisions if one.label}
        self.front_key = found.front_key.encode()
        self.mirrors = [
            (revisions[one.number], one.mirror_percent / 100) for one in found.revisions if one.mirror_percent
        ]
        slots = _slots_of(found)
        counts = {one: slots.count(index) for index, one in enumerate(self.revisions)}
        by_share = sorted((one for one in counts if counts[one]), key=lambda one: -counts[one])
        self._substitutes = [self.default, *(one for one in by_share if one is not self.default)]
        self._only = self.revisions[slots[0]]
        self.users: Users | None = None  # who came to which revision, where they stick to one of several
        self._slots = b"" if slots.count(slots[0]) == SLOTS else slots  # empty: all are of one revision

    @property
    def is_split(self) -> bool:
        """Whether several revisions get requests."""
        return bool(self._slots)

    def user_id(self, value: bytes) -> str:
        """Who sends this sticky value."""
        return user_id(self.settings.seed, value)

    def slot_of(self, value: bytes) -> int:
        """The slot of a sticky value."""
        return slot_of(self.settings.seed, value)

    def draw(self, slot: int = -1) -> Revision:
        """The revision that owns a slot; of a random one where none is given."""
        if not self._slots:
            return self._only
        return self.revisions[self._slots[random_slot() if slot < 0 else slot]]

    def substitute(self, revision: Revision) -> Revision:
        """Who answers in place of a revision that has no ready replica: the default one, and where its replicas fail,
        the one with the largest share. Itself where nobody is: its requests wait. A default one that sleeps is woken.
        """
        if not (self.default.ready or self.default.replicas):
            return revision
        return next((one for one in self._substitutes if one.ready), revision)


def _slots_of(found: FrontService) -> bytes:
    """For each slot the index of its revision; what belongs to none is the default's."""
    numbers = [one.number for one in found.revisions]
    slots = bytearray([numbers.index(found.default)]) * SLOTS
    for index, revision in enumerate(found.revisions):
        for first, last in revision.slots:
            if not 0 <= first <= last < SLOTS:
                raise ValueError(f"{found.workspace}/{found.name}: there are no slots {first} to {last}")
            slots[first : last + 1] = bytes([index]) * (last - first + 1)
    return bytes(slots)


class Table:
    """All services. `find` is where an address leads."""

    def __init__(self, services: list[Service]) -> None:
        self.services = services
        self.by_id = {one.id: one for one in services}
        self._paths = {(one.settings.workspace.encode(), one.settings.name.encode()): one for one in services}
        self._hosts = {host.lower().encode(): one for one in services for host in one.settings.hosts}
        self._names: dict[bytes, list[Service]] = {}
        for one in services:
            self._names.setdefault(one.settings.name.encode(), []).append(one)

    def find(self, target: bytes, host: bytes) -> Found:
        """The service of an address, and what it is called there. ScoringError 404."""
        path, mark, query = target.partition(b"?")
        if not path.startswith(b"/"):  # as proxies are asked
            path = b"/" + path.partition(b"//")[2].partition(b"/")[2]
        service = self.of_host(host)
        if service is not None:
            return service, path + mark + query
        parts = path.split(b"/", 5)
        if tuple(parts[1:4]) == AZURE and len(parts) > 4:
            return self._by_name(parts[4]), b"/" + b"".join(parts[5:]) + mark + query
        parts = path.split(b"/", 3)
        service = self._paths.get((unquote_to_bytes(parts[1]), unquote_to_bytes(parts[2]))) if len(parts) > 2 else None
        if service is None:
            raise _nothing_at(path)
        return service, b"/" + b"".join(parts[3:]) + mark + query

    def of_host(self, host: bytes) -> Service | None:
        """The service that a Host header names, if one has a host name of its own."""
        return self._hosts.get(name_of(host)) if self._hosts else None

    def _by_name(self, name: bytes) -> Service:
        found = self._names.get(unquote_to_bytes(name), [])
        if len(found) > 1:
            found = [one for one in found if one.settings.workspace == FIRST_WORKSPACE]
            if not found:
                message = "Several workspaces have a service of this name: call /<workspace>/<service>/score."
                raise ScoringError(404, "ambiguous", message)
        if not found:
            raise ScoringError(404, "not_found", f"There is no service {name.decode('latin-1')} here.")
        return found[0]


class Registry:
    """Makes tables; what is the same in two of them keeps its connections, counts and waiting requests."""

    def __init__(self) -> None:
        self._replicas: dict[tuple[str, str, int | None], Replica] = {}
        self._revisions: dict[tuple[int, int], Revision] = {}
        self._services: dict[int, Service] = {}

    @property
    def revisions(self) -> list[Revision]:
        """Of the latest table."""
        return list(self._revisions.values())

    @property
    def replicas(self) -> list[Replica]:
        """Of the latest table."""
        return list(self._replicas.values())

    def build(self, routing: Routing) -> tuple[Table, list[Revision]]:
        """The table of a routing file, and the revisions that are no more. ValueError, with nothing changed."""
        revisions = {
            (service.id, one.number): self._revisions.get((service.id, one.number)) or Revision(service.id, one.number)
            for service in routing.services
            for one in service.revisions
        }
        services = [self._service(found, revisions) for found in routing.services]
        _check_unique(services)
        self._connect(routing, revisions)
        removed = [one for key, one in self._revisions.items() if key not in revisions]
        for one in removed:
            one.removed, one.replicas, one.ready = True, [], []
        self._revisions = revisions
        table = Table(services)
        self._services = table.by_id
        return table, removed

    def _service(self, found: FrontService, revisions: dict[tuple[int, int], Revision]) -> Service:
        """The one of the table before, where nothing of it has changed: making one takes long, and most do not."""
        before = self._services.get(found.id)
        if before is not None and before.settings == found:
            return before
        made = _service(found, revisions)
        if found.sticky is not None and made.is_split:
            made.users = before.users if before is not None and _splits_alike(before.settings, found) else None
            made.users = made.users or Users()
        return made

    def _connect(self, routing: Routing, revisions: dict[tuple[int, int], Revision]) -> None:
        replicas: dict[tuple[str, str, int | None], Replica] = {}
        for service in routing.services:
            for found in service.revisions:
                revision = revisions[service.id, found.number]
                revision.removed, revision.replicas = False, []
                for one in found.replicas:
                    key = one.id, one.address, one.owner
                    replicas[key] = self._replicas.get(key) or Replica(one)
                    revision.replicas.append(replicas[key])
                revision.sort_out()
        for key, replica in self._replicas.items():
            if key not in replicas:
                replica.leave()
        self._replicas = replicas


def _service(found: FrontService, revisions: dict[tuple[int, int], Revision]) -> Service:
    if not found.revisions:
        raise ValueError(f"{found.workspace}/{found.name} has no revision")
    if len(found.seed.encode()) > MOST_SEED_BYTES:
        raise ValueError(f"{found.workspace}/{found.name}: its seed is longer than {MOST_SEED_BYTES} bytes")
    for revision in found.revisions:
        for replica in revision.replicas:
            _check_address(replica.address)
            if replica.grpc:
                _check_address(replica.grpc)
    return Service(found, {one.number: revisions[found.id, one.number] for one in found.revisions})


def _splits_alike(one: FrontService, other: FrontService) -> bool:
    """Whether every user gets the same revision of both."""
    shares = [[(each.number, each.slots) for each in found.revisions if each.slots] for found in (one, other)]
    alike = (one.sticky, one.seed, one.default) == (other.sticky, other.seed, other.default)
    return alike and shares[0] == shares[1]


def _check_address(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not address.startswith("unix:/") and not (host and port.isdigit() and 0 < int(port) < 65_536):
        raise ValueError(f"{address} is neither host:port nor unix:/path")


def _check_unique(services: list[Service]) -> None:
    """Ids, addresses, host names and ports belong to one service each."""
    named: list[tuple[str, Iterable[str]]] = [
        ("id", [str(one.id) for one in services]),
        ("address", [f"/{one.settings.workspace}/{one.settings.name}" for one in services]),
        ("host name", [host.lower() for one in services for host in one.settings.hosts]),
        ("gRPC port", [str(one.settings.grpc_port) for one in services if one.settings.grpc_port is not None]),
    ]
    for what, names in named:
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise ValueError(f"two services have the {what} {min(twice)}")


def _nothing_at(path: bytes) -> ScoringError:
    message = f"There is no service at {path[:200].decode('latin-1')}: call /<workspace>/<service>/score."
    return ScoringError(404, "not_found", message)
