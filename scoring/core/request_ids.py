"""Request ids: the client's own, or new ones, for responses and logs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from scoring.core.errors import ScoringError
from scoring.core.log import current_id
from scoring.core.request import Request

LIMIT = 100  # characters; longer ones would flood the log


@contextmanager
def request_context(request: Request) -> Iterator[None]:
    """Log lines in here carry the request's id."""
    token = current_id.set(request.id)
    try:
        yield
    finally:
        current_id.reset(token)


class RequestIds:
    """Generates ids that look like UUIDs: random for the process, and counted within it, which costs less."""

    def __init__(self) -> None:
        own = os.urandom(10).hex()
        self._form = f"{own[:8]}-{own[8:12]}-4{own[13:16]}-a{own[17:20]}-%012x".encode()
        self._count = 0

    def assign(self, request: Request) -> None:
        """Set its id, and the header lines that repeat it in the response; 431 for ids that are too long."""
        headers = request.headers
        legacy = headers.get(b"x-ms-request-id")
        given = headers.get(b"x-request-id") or legacy
        if not given:
            self._count += 1
            given = self._form % self._count
        elif len(given) > LIMIT or (legacy and len(legacy) > LIMIT):
            raise _too_long()
        request.id = given
        request.id_lines = b"x-request-id: %b\r\nx-ms-request-id: %b\r\n" % (given, legacy or given)
        if b"x-ms-client-request-id" in headers:
            client = headers[b"x-ms-client-request-id"]
            if len(client) > LIMIT:
                raise _too_long()
            request.id_lines += b"x-ms-client-request-id: %b\r\n" % client
        if b"traceid" in headers:  # of Office's services; Azure's server repeats it, however long
            request.id_lines += b"TraceId: %b\r\n" % headers[b"traceid"]


def _too_long() -> ScoringError:
    return ScoringError(431, "id_too_long", f"A request id may have {LIMIT} characters.")
