"""Cross-origin requests (WHATWG Fetch, "CORS protocol"): which pages of other sites may call this service.

There are no CORS headers unless origins are configured, by `cors_origins` or the variable AML_CORS_ORIGINS.
"""

import os
from typing import Optional

from scoring.contract import RunSettings
from scoring.core.request import Request

ANY = "*"
MAX_AGE_SECONDS = 600  # how long a browser may cache the response to a preflight
READABLE = b"x-request-id, x-ms-request-id, x-ms-run-function-failed, retry-after"


def allowed_origins(run: RunSettings) -> list[str]:
    """The origins that the deployment config lists, or the variable."""
    origins = run.cors_origins or os.environ.get("AML_CORS_ORIGINS", "").split(",")
    return [origin.strip() for origin in origins if origin.strip()]


class Cors:
    """The origins that may call: `https://example.com`, or `*` for all."""

    def __init__(self, origins: list[str]) -> None:
        self._any = ANY in origins
        self._origins = {origin.strip().rstrip("/").lower().encode() for origin in origins}

    @classmethod
    def of(cls, run: RunSettings) -> Optional["Cors"]:
        """What is configured, or None."""
        wanted = allowed_origins(run)
        return cls(wanted) if wanted else None

    def lines(self, request: Request) -> bytes:
        """The headers of any response."""
        if self._any:
            return b"access-control-allow-origin: *\r\naccess-control-expose-headers: %b\r\n" % READABLE
        origin = request.headers.get(b"origin", b"")
        if origin.lower() not in self._origins:
            return b"vary: Origin\r\n"
        return b"access-control-allow-origin: %b\r\naccess-control-expose-headers: %b\r\nvary: Origin\r\n" % (
            origin,
            READABLE,
        )

    @staticmethod
    def without_own(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """A script's headers without those that are set here: a browser refuses duplicates."""
        return tuple(pair for pair in headers if not pair[0].lower().startswith("access-control-allow-"))

    def preflight(self, request: Request, methods: str) -> bytes:
        """Further headers of the response to a preflight; empty if the request is none, or its origin may not call."""
        headers = request.headers
        if b"access-control-request-method" not in headers:
            return b""
        if not self._any and headers.get(b"origin", b"").lower() not in self._origins:
            return b""
        requested = headers.get(b"access-control-request-headers", b"authorization, content-type")
        return (
            b"access-control-allow-methods: %b\r\n"
            b"access-control-allow-headers: %b\r\n"
            b"access-control-max-age: %d\r\n" % (methods.encode(), requested, MAX_AGE_SECONDS)
        )
