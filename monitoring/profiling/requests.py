"""Requests of a plan as the bytes that go over the wire, and where they go."""

import re
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from monitoring.profiling.messages import Plan
from monitoring.profiling.problems import Unusable

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
OURS = {"content-length", "transfer-encoding", "connection", "expect", "upgrade"}  # what framing depends on


@dataclass(frozen=True)
class Destination:
    """A socket, or a host and port, with TLS or without; `target` is the path of the request."""

    target: str
    authority: str
    host: str = ""
    port: int = 0
    socket: str = ""
    tls: ssl.SSLContext | None = None

    def __str__(self) -> str:
        return self.socket or f"{self.host}:{self.port}"


def destinations(plan: Plan) -> list[Destination]:
    """Where a plan's requests go. Unusable if an address is none."""
    return [_destination(plan, address) for address in (plan.address, *plan.more_addresses)]


def _destination(plan: Plan, address: str) -> Destination:
    if address.startswith("unix:"):
        socket, _, target = address.removeprefix("unix:").partition(":")
        if not socket or not target.startswith("/") or re.search(r"[\x00-\x20\x7f]", target):
            raise _no_address(address, "unix:/path/of/socket:/path/of/request")
        return Destination(target, "localhost", socket=socket)
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        raise _no_address(address, "http://host:port/path") from None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not parts.hostname or parts.username or re.search(r"[\x00-\x20\x7f]", address):
        raise _no_address(address, "http://host:port/path, without a user name")
    authority = parts.netloc
    return Destination(target, authority, parts.hostname, port, tls=_tls(plan) if parts.scheme == "https" else None)


def _no_address(address: str, shape: str) -> Unusable:
    return Unusable("address_bad", f"{address!r} is no address for a load.", f"It has the shape {shape}.")


def _tls(plan: Plan) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=plan.ca_file or None)
    except (OSError, ssl.SSLError) as problem:
        raise Unusable(
            "ca_file_bad", f"{plan.ca_file} cannot be used: {problem}.", "It holds certificates in PEM."
        ) from None


def encoded(plan: Plan, where: Destination, bodies: list[bytes]) -> list[bytes]:
    """A whole request for each body. Unusable if a header would break the framing."""
    lines = {"host": f"Host: {where.authority}"}
    for name, value in plan.headers.items():
        if not NAME.fullmatch(name) or name.lower() in OURS or re.search(r"[\r\n\x00]", value):
            raise Unusable("header_bad", f"The header {name!r} cannot be sent.", "Leave it out.")
        lines[name.lower()] = f"{name}: {value}"
    head = f"{plan.method} {where.target} HTTP/1.1\r\n" + "\r\n".join(lines.values()) + "\r\n"
    try:
        start = head.encode("latin-1")
    except UnicodeEncodeError:
        raise Unusable("header_bad", "A header has characters that HTTP does not carry.", "Use ASCII.") from None
    if plan.method == "GET":
        return [start + b"\r\n"]
    return [b"%bContent-Length: %d\r\n\r\n%b" % (start, len(body), body) for body in bodies]
