"""What the studio and the front agree on: the routing file, and the reports that the front sends back.

The studio writes the routing file beside the old one and renames it; the front looks at it four times a second.
Its first line is the JSON of `Routing`, its second and last one the SHA-256 of the first, hex: a file that was cut
off, is empty or was changed by hand does not fit, and the front goes on with the last good one. `number` rises with
every change; a file with a lower one is as bad as one that does not fit.

The front posts a `FrontReport` to the studio once a second while there is something to tell, every five seconds else.
"""

import hashlib
import re
from typing import Annotated, TypeVar

import msgspec

from scoring.contract import TokenRules, Window

Decoded = TypeVar("Decoded")
FIRST_WORKSPACE = "default"  # that every studio has; Azure's addresses mean it where a name is not unique
SLOTS = 10_000  # of a service's split: a share is a multiple of 0.01 %
# What the front shows a replica instead of the caller's key: "<front_key> <one of scoring.contract.KEYS>". The replica
# knows the key's digest from `KeysFile.front`, and counts the request for the key that the caller showed. With " rows"
# behind that, the replica says in ROWS_HEADER how many rows a request had that it has answered: those of a model
# without code, 1 where a script ran.
FRONT_HEADER = "x-slipway-front"
ROWS_HEADER = "x-slipway-rows"
ROWS_WANTED = " rows"
REVISION_HEADER = "x-slipway-revision"  # pins a request to a revision (number or label); in answers: who gave them


class FrontSettings(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The settings file of `python -m scoring.front <settings.json>`; only its owner may read it, for the token in it.

    The program binds `host:port`, keeps a front process running on it, and prints what happens to stdout. SIGHUP reads
    the settings again and starts a fresh front process, which takes over without losing a connection; so does starting
    the program once more with the same `folder`: the one before drains and ends. SIGTERM finishes what is under way
    and ends. It need not end with the studio, and serves without it.

    `routing`: path of the routing file; until there is a good one, every address answers 503. `folder`: private folder
    of this front, where it keeps its state. With `certificate` and `certificate_key` (PEM files) `port` speaks TLS;
    `self_signed` makes a certificate for `names` in `folder` instead, for trying. `redirect_port`: plain HTTP there is
    sent to https. `trusted_proxies`: addresses or networks whose X-Forwarded-For and -Proto are believed.
    `report_url`: where `FrontReport`s are posted, with `Authorization: Bearer <report_token>`.
    """

    routing: str
    folder: str
    name: str = "front"
    host: str = "127.0.0.1"
    port: int = 8400
    certificate: str = ""
    certificate_key: str = ""
    self_signed: bool = False
    names: list[str] = msgspec.field(default_factory=lambda: ["localhost"])
    redirect_port: int | None = None
    trusted_proxies: list[str] = []
    report_url: str = ""
    report_token: str = ""
    connections_limit: Annotated[int, msgspec.Meta(ge=16, le=65_536)] = 8192


class ClientKey(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A key of a service: `primary`, `secondary`, or a client's own by its name.

    `digest` is its SHA-256, hex. Quotas are of the UTC day; the front counts on from the studio's figures
    (`requests_today`, `rows_today`, of `day`, YYYY-MM-DD) when it starts.
    """

    name: str
    digest: str
    expires_at: float | None = None  # epoch seconds
    requests_a_day: int | None = None
    rows_a_day: int | None = None
    day: str = ""
    requests_today: int = 0
    rows_today: int = 0


class FrontReplica(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One running replica. `address` is `host:port` or `unix:/absolute/path`; a unix socket must belong to the user
    `owner`, and whoever answers there must run as it. `grpc`: where it answers gRPC, written the same way, if it does.
    """

    id: str
    address: str
    owner: int | None = None
    grpc: str = ""


class FrontRevision(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A revision and what it gets of the traffic.

    `slots`: runs [first, last] of the service's SLOTS that are its own (deployments.traffic.split assigns them). A
    request without a sticky value draws a slot at random, one with it always the same. `mirror_percent`: share of all
    other requests that it gets a copy of; its answers to those are compared and thrown away.
    """

    number: int
    label: str = ""  # Azure's name of a version
    slots: list[tuple[int, int]] = []
    mirror_percent: float = 0.0
    replicas: list[FrontReplica] = []


class Sticky(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What of a request decides its slot: the value of a header or a cookie, hashed. One of both is given."""

    header: str = ""
    cookie: str = ""


class FrontService(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A service, as the front sees it.

    `auth`: what callers must show. `front_key`: shown to replicas in FRONT_HEADER; they know its digest. `seed` of the
    hash that sticky values get their slot by. `default`: the revision that owns what nobody else does, answers
    service pages such as /swagger.json, and gets gRPC. Limits are per replica; a request that cannot be sent within
    `queue_wait_seconds` is answered 503, one not answered within `scoring_timeout_seconds` 504. `wakes`: without
    a replica, the first requests are held up to `wake_seconds` while one starts.
    """

    id: int
    workspace: str
    name: str
    default: int
    revisions: list[FrontRevision]
    hosts: list[str] = []
    auth: str = "key"  # key, token or none
    keys: list[ClientKey] = []
    tokens: TokenRules | None = None
    front_key: str = ""
    seed: str = ""
    sticky: Sticky | None = None
    concurrency: int | None = None  # requests at a replica at once; None: as many as come
    queue_limit: int = 128  # waiting requests, times the ready replicas
    queue_wait_seconds: float = 0.5
    scoring_timeout_seconds: float = 60.0
    max_body_bytes: int = 100 * 1024 * 1024
    wakes: bool = False
    wake_seconds: float = 60.0
    grpc_port: int | None = None  # where the front passes gRPC on to the default revision


class Routing(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The routing file."""

    number: int
    services: list[FrontService] = []


class Numbered(msgspec.Struct):
    """Of a routing file its number."""

    number: int


class ServiceLoad(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What a service had to do from `at` - `seconds` to `at` (epoch seconds): the input of scaling.

    `busy`: mean requests at replicas; `arrivals`: requests that came, refused ones too; `service_seconds`: mean time at
    a replica, None without an answer; `waiting`: requests that wait for a replica now; `last_request`: epoch seconds,
    None before the first. By revision, as they are scaled.
    """

    service: int
    revision: int
    at: float
    seconds: float
    busy: float = 0.0
    arrivals: int = 0
    service_seconds: float | None = None
    waiting: int = 0
    last_request: float | None = None


class KeyUse(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What came with a key since the UTC day `day` began: totals, so that a report that is lost costs nothing."""

    service: int
    key: str
    day: str
    requests: int = 0
    rows: int = 0


class Arrivals(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Users (`user_id` each) who came to a revision since its service is split so, each told once. Only of services
    that are sticky and split, up to 200,000 a service."""

    service: int
    revision: int
    users: list[str]


class FrontReport(msgspec.Struct, omit_defaults=True, kw_only=True):
    """`applied`: number of the routing file in use; `refused`: why a newer file is not. `ejected`: replicas that get no
    requests for now. `windows`: requests as callers saw them, by service, and how copies of requests were answered
    (scoring.contract.METRICS); their `replica` begins with `front-`."""

    front: str
    started_at: float
    applied: int
    refused: str = ""
    loads: list[ServiceLoad] = []
    keys: list[KeyUse] = []
    ejected: list[str] = []
    arrivals: list[Arrivals] = []
    windows: Annotated[dict[int, list[Window]], "by id of service"] = {}


def unit_of(seed: str, value: bytes) -> float:
    """A number in [0, 1] that is always the same for a value under a seed, and evenly spread over values.

    `seed`: at most 64 bytes of UTF-8. Each service has its own, so that not the same users are first in every split.
    """
    return _hash_of(seed, value) / 2**64


def user_id(seed: str, value: bytes) -> str:
    """A user of a sticky service by the hash of the value that they stick by, 16 hex digits. Ids of requests that a
    front makes begin with it (`user_of_request`)."""
    return f"{_hash_of(seed, value):016x}"


def user_of_request(request_id: str) -> str:
    """The user whose request a front gave this id; empty for another's."""
    found = re.fullmatch(r"([0-9a-f]{16})-[0-9a-f]{12}", request_id)
    return found[1] if found else ""


def slot_of(seed: str, value: bytes) -> int:
    """The slot, from 0 below SLOTS, of a sticky value under a service's seed."""
    return _hash_of(seed, value) * SLOTS >> 64


def _hash_of(seed: str, value: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(value, digest_size=8, key=seed.encode()).digest(), "big")


def encode_routing(routing: Routing) -> bytes:
    """The contents of the routing file."""
    line = msgspec.json.encode(routing)
    return line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n"


def decode_routing(contents: bytes) -> Routing:
    """The inverse. ValueError, with a sentence for people, where it is cut off, changed or no routing file."""
    return _decode(contents, Routing)


def routing_number(contents: bytes) -> int:
    """The number alone, which takes a fraction of the time. ValueError as `decode_routing`."""
    return _decode(contents, Numbered).number


def _decode(contents: bytes, kind: type[Decoded]) -> Decoded:
    line, separator, rest = contents.partition(b"\n")
    if not separator or rest != hashlib.sha256(line).hexdigest().encode() + b"\n":
        raise ValueError("the routing file is cut off or was changed by hand: its digest does not fit")
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.DecodeError as error:
        raise ValueError(f"the routing file is not as this front reads it: {error}") from error
