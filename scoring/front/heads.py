"""The head of a request: parsed once by llhttp, checked, rewritten for a replica, and remembered by its exact bytes.

The replica gets a head that is written anew from what the parser understood, with a framing of our own, so that front
and replica cannot disagree on where a request ends (request smuggling). What is ambiguous is refused.
"""

from dataclasses import dataclass, field
from typing import NoReturn

import httptools

from scoring.contract import KEYS
from scoring.core.errors import ScoringError, bad_input, too_large
from scoring.front.auth import NOBODY, Caller
from scoring.front.state import Revision
from scoring.front.table import Service, Table
from scoring.front_contract import FRONT_HEADER, REVISION_HEADER, ROWS_HEADER, ROWS_WANTED

END = b"\r\n\r\n"
HEADER_BYTES = 64 * 1024
REMEMBERED_BYTES = 2048
CHUNKED = -1  # a length that is not known beforehand
FRONT, REVISION, ROWS = FRONT_HEADER.encode(), REVISION_HEADER.encode(), ROWS_HEADER.encode()
FORWARDED_FOR, FORWARDED_PROTO = b"x-forwarded-for", b"x-forwarded-proto"
# Of this connection only (RFC 9110, 7.6.1), written anew by us, or none of the replica's business: cookies know no
# paths that keep services apart.
NOT_PASSED_ON = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"proxy-authenticate", b"te",
     b"trailer", b"upgrade", b"http2-settings", b"transfer-encoding", b"content-length", b"expect", b"cookie",
     b"forwarded", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-prefix", b"x-real-ip",
     FRONT, REVISION, FORWARDED_FOR, FORWARDED_PROTO)
)  # fmt: skip
IDS = {b"x-request-id", b"x-ms-request-id"}  # of a request that has one; it stays
HEALTH = (b"GET", b"HEAD")
ONCE = (b"host", b"content-length", b"transfer-encoding", b"authorization")


@dataclass(slots=True)
class Peer:
    """The client's side of a connection: its address, whether it speaks TLS, whether it is a trusted proxy."""

    address: bytes
    tls: bool = False
    trusted: bool = False


@dataclass(slots=True)
class Head:
    """What a request's head says. `written`: the head for the replica but for the line about where it came from, and
    the empty line. `said_for`, `said_proto`: its own X-Forwarded-For and -Proto. `slot`: of its sticky value, -1
    without; `user`: who sent that, where users are counted, and `id_start` of a line with an id that names them, for a
    request without one. `pinned`: the revision it asks for, or None.
    """

    table: Table
    service: Service
    length: int
    written: bytes
    said_for: bytes
    said_proto: bytes
    slot: int
    user: str
    id_start: bytes
    pinned: Revision | None
    caller: Caller
    is_head: bool
    is_old: bool  # HTTP/1.0
    is_v2: bool  # an address of the Open Inference Protocol, whose errors look otherwise
    keep_alive: bool
    expects: bool
    ends: float  # epoch seconds after which it is parsed again


@dataclass
class Parsed:
    """Callbacks of the parser."""

    url: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    complete: bool = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.complete = True


class Answered(Exception):
    """The front answers by itself."""

    def __init__(self, is_head: bool) -> None:
        self.is_head = is_head


def parse_head(raw: bytes, table: Table, *, is_public: bool) -> Head:
    """The meaning of a head, with its empty line. ScoringError for what is refused; `Answered` for the front's health.

    `is_public`: the front listens to other machines, so services behind it are not this machine's own.
    """
    parsed, method, version, keep_alive = _parse(raw)
    headers = dict(parsed.headers)
    length = _length_of(headers)
    if method in HEALTH and parsed.url in (b"/", b"/healthz") and table.of_host(headers.get(b"host", b"")) is None:
        raise Answered(method == b"HEAD")
    service, target = table.find(parsed.url, headers.get(b"host", b""))
    if length > service.settings.max_body_bytes:
        raise too_large(service.settings.max_body_bytes)
    path = target.partition(b"?")[0]
    is_page = method == b"OPTIONS" or (method in HEALTH and path != b"/score")
    caller = _caller(service, headers.get(b"authorization"), is_page)
    value = _sticky_value(service, parsed.headers)
    user = service.user_id(value) if value and service.users is not None else ""
    return Head(
        table=table,
        service=service,
        length=length,
        written=_written(method, target, parsed.headers, service, caller, length, is_public=is_public),
        said_for=headers.get(FORWARDED_FOR, b""),
        said_proto=headers.get(FORWARDED_PROTO, b""),
        slot=service.slot_of(value) if value else -1,
        user=user,
        id_start=b"x-request-id: %b-" % user.encode() if user and not headers.keys() & IDS else b"",
        pinned=_pinned(service, headers.get(REVISION), is_page),
        caller=caller,
        is_head=method == b"HEAD",
        is_old=version != "1.1",
        is_v2=_is_v2(path),
        keep_alive=keep_alive,
        expects=_expects(headers.get(b"expect")),
        ends=caller.ends,
    )


def is_v2_address(raw: bytes, table: Table) -> bool:
    """Whether a head that is refused asks for an address of the Open Inference Protocol or of TensorFlow Serving, whose
    errors look otherwise. It may be cut off, or no HTTP at all."""
    first, *lines = raw.split(b"\r\n")
    parts = first.split(b" ")
    host = next((line[5:].strip() for line in lines if line[:5].lower() == b"host:"), b"")
    try:
        return len(parts) > 1 and _is_v2(table.find(parts[1], host)[1])
    except ScoringError:
        return False


def _is_v2(path: bytes) -> bool:
    return path.startswith((b"/v1/", b"/v2"))


def _parse(raw: bytes) -> tuple[Parsed, bytes, str, bool]:
    parsed = Parsed()
    parser = httptools.HttpRequestParser(parsed)
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass  # an offer, which we decline by not answering it (RFC 9110, 7.8)
    except httptools.HttpParserError as error:
        raise ScoringError(400, "bad_http", f"This is not HTTP/1.1: {error}") from error
    if not parsed.complete:
        _ambiguous("it does not end where its empty line is")
    method, version = parser.get_method(), parser.get_http_version()
    _check_lines(raw, [name for name, _ in parsed.headers], version)
    if version not in ("1.1", "1.0") or method == b"CONNECT":
        raise ScoringError(400, "bad_http", "Only requests of HTTP/1.1 and 1.0 are taken here, and no CONNECT.")
    return parsed, method, version, parser.should_keep_alive()


def _check_lines(raw: bytes, names: list[bytes], version: str) -> None:
    lines = raw[: -len(END)].split(b"\r\n")
    if len(lines) != len(names) + 1 or any(_is_odd(line) for line in lines):
        _ambiguous("it has folded lines, or line ends that are none")
    for name in ONCE:
        if names.count(name) > 1:
            _ambiguous(f"it has several headers {name.decode()}")
    if version == "1.1" and b"host" not in names:
        _ambiguous("it has no Host")


def _is_odd(line: bytes) -> bool:
    return not line or line[:1] in b" \t" or b"\r" in line or b"\n" in line or b"\0" in line


def _ambiguous(why: str) -> NoReturn:
    raise ScoringError(400, "bad_http", f"The head of the request could be read in several ways: {why}.")


def _length_of(headers: dict[bytes, bytes]) -> int:
    coding, length = headers.get(b"transfer-encoding"), headers.get(b"content-length")
    if coding is not None:
        if length is not None:
            _ambiguous("it has both Content-Length and Transfer-Encoding")
        if coding.strip().lower() != b"chunked":
            raise ScoringError(501, "bad_http", "Of transfer codings only chunked is understood.")
        return CHUNKED
    if length is None:
        return 0
    if not length.isdigit() or len(length) > 15:
        _ambiguous("its Content-Length is no number")
    return int(length)


def _caller(service: Service, header: bytes | None, is_page: bool) -> Caller:
    """Who calls. Pages and preflights may need no key, which the replica knows: they go without one."""
    try:
        return service.credentials.check(header)
    except ScoringError:
        if is_page:
            return NOBODY
        raise


def _sticky_value(service: Service, headers: list[tuple[bytes, bytes]]) -> bytes:
    sticky = service.settings.sticky
    if sticky is None:
        return b""
    if sticky.header:
        return dict(headers).get(sticky.header.lower().encode(), b"")
    return _cookie([value for name, value in headers if name == b"cookie"], sticky.cookie.encode())


def _cookie(lines: list[bytes], wanted: bytes) -> bytes:
    """The first cookie of this name. Read by hand: the standard library stops at the first cookie that is not as it
    should be, and other sites of the same domain set what they like."""
    for pair in b";".join(lines).split(b";"):
        name, _, value = pair.partition(b"=")
        if name.strip() == wanted:
            return value.strip().strip(b'"')
    return b""


def _pinned(service: Service, wanted: bytes | None, is_page: bool) -> Revision | None:
    if wanted is None:
        return service.default if is_page else None
    revision = service.by_name.get(wanted)
    if revision is None:
        running = ", ".join(name.decode() for name in service.by_name)
        message = f"No revision {wanted[:60].decode('latin-1')} of this service runs; there are: {running}."
        raise ScoringError(404, "no_such_revision", message)
    return revision


def _expects(value: bytes | None) -> bool:
    if value is not None and value.lower() != b"100-continue":
        raise bad_417()
    return value is not None


def bad_417() -> ScoringError:
    """For what else a client may expect."""
    return ScoringError(417, bad_input("").code, "Only `Expect: 100-continue` is understood.")


def _written(
    method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], service: Service, caller: Caller, length: int,
    *, is_public: bool,
) -> bytes:  # fmt: skip
    named = b",".join(value for name, value in headers if name == b"connection").lower().split(b",")
    left_out = NOT_PASSED_ON | {name.strip() for name in named} - {b"host"}
    if service.credentials.required:
        left_out |= {b"authorization"}
    lines = [b"%b %b HTTP/1.1" % (method, target)]
    if b"host" not in dict(headers):
        lines.append(b"host: localhost")
    is_open_to_all = is_public and not service.credentials.required
    for name, value in headers:
        if name == b"host" and is_open_to_all:
            lines += [b"host: localhost", b"x-forwarded-host: " + value]  # see scoring/http/loopback_guard.py
        elif name not in left_out:
            lines.append(name + b": " + value)
    return b"\r\n".join(lines + _own_lines(method, service, caller, length)) + b"\r\n"


def _own_lines(method: bytes, service: Service, caller: Caller, length: int) -> list[bytes]:
    """What the front itself says: who called, and how the body is framed."""
    lines = []
    if caller.kind:
        wanted = ROWS_WANTED.encode() if caller.has_rows_quota else b""
        lines.append(b"%b: %b %b%b" % (FRONT, service.front_key, KEYS[caller.kind].encode(), wanted))
    if length == CHUNKED:
        lines.append(b"transfer-encoding: chunked")
    elif length or method not in HEALTH:
        lines.append(b"content-length: %d" % length)
    return lines


def forwarded_lines(peer: Peer, said_for: bytes = b"", said_proto: bytes = b"") -> bytes:
    """The end of a head, which says where the request came from; what it says itself counts where the peer is a trusted
    proxy."""
    address, scheme = peer.address, b"https" if peer.tls else b"http"
    if peer.trusted:
        scheme = said_proto or scheme
        address = said_for + b", " + address if said_for else address
    return b"x-forwarded-for: %b\r\nx-forwarded-proto: %b\r\n\r\n" % (address, scheme)


class Heads:
    """The heads that were parsed under a table; the oldest is forgotten for a new one."""

    KEPT = 1024

    def __init__(self) -> None:
        self.known: dict[bytes, Head] = {}

    def add(self, raw: bytes, head: Head) -> None:
        """Remember a head, given without its empty line."""
        if len(raw) <= REMEMBERED_BYTES and not head.expects and head.length >= 0 and head.keep_alive:
            if len(self.known) >= self.KEPT:
                del self.known[next(iter(self.known))]
            self.known[raw] = head
