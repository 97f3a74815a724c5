"""Errors as gRPC reports them: a status code, a message, and when it is worth trying again."""

from typing import Any

import grpc

from scoring.core.errors import ScoringError

CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    431: grpc.StatusCode.INVALID_ARGUMENT,
    499: grpc.StatusCode.CANCELLED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
LONGEST = 2000  # bytes of a message: clients refuse more than 8 KiB of trailers, and a byte may travel as three
PUSHBACK = ("grpc-retry-pushback-ms", "1000")  # what Retry-After is to HTTP


def message_of(error: ScoringError) -> str:
    """The message of an error, short enough for a trailer."""
    return error.message.encode("utf-8", "backslashreplace")[:LONGEST].decode("utf-8", "ignore")


async def abort(context: Any, error: ScoringError, *trailers: tuple[str, str]) -> Any:
    """End a call with an error. Never returns: gRPC's AbortError, which it raises, is for the library."""
    if error.status == 503:
        trailers = (*trailers, PUSHBACK)
    await context.abort(CODES.get(error.status, grpc.StatusCode.UNKNOWN), message_of(error), trailers)
