"""What keeps pages of other sites from calling an open service of this machine through somebody's browser.

Such a page reaches it under a name of its own that resolves to this machine (DNS rebinding), which the Host header
shows, or as a simple cross-origin request, which the Origin header shows.
"""

import ipaddress
from urllib.parse import urlsplit

from scoring.contract import RunSettings
from scoring.core.errors import ScoringError
from scoring.core.request import Request
from scoring.http.cors import ANY, allowed_origins

LOCAL = frozenset((b"localhost", b"127.0.0.1", b"[::1]"))


class LoopbackGuard:
    """Refuses foreign Host and Origin headers; the origins that CORS allows are none."""

    def __init__(self, origins: list[str]) -> None:
        self._origins = {origin.rstrip("/").lower().encode() for origin in origins}
        self._hosts = LOCAL | {(urlsplit(origin).hostname or "").encode() for origin in origins}

    @classmethod
    def of(cls, run: RunSettings) -> "LoopbackGuard | None":
        """None for a service that asks for a key or token, or that listens to other machines anyway."""
        origins = allowed_origins(run)
        return None if run.auth or not is_loopback(run.host) or ANY in origins else cls(origins)

    def check(self, request: Request) -> None:
        """Raises ScoringError 403."""
        host, origin = request.headers.get(b"host"), request.headers.get(b"origin")
        if host is not None and name_of(host) not in self._hosts:
            raise _refusal(f"This service answers to localhost and 127.0.0.1, not to {_shown(host)}.")
        if (
            origin is not None
            and origin.lower() not in self._origins
            and origin.lower() != b"http://%b" % (host or b"")
        ):
            raise _refusal(f"Pages of {_shown(origin)} may not call this service.")


def is_loopback(host: str) -> bool:
    """Whether who listens at this host is reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def name_of(host: bytes) -> bytes:
    """The name in a Host header: lower case, without the port."""
    name = host.lower()
    return name.rpartition(b":")[0] if b":" in name and not name.endswith(b"]") else name


def _refusal(message: str) -> ScoringError:
    return ScoringError(403, "forbidden", f"{message} Its deployment config may list origins: server.cors_origins.")


def _shown(header: bytes) -> str:
    return header[:100].decode("latin-1")
