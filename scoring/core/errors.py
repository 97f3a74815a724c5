"""What can go wrong: while answering a request (`ScoringError`), and while starting (`StartFailure`)."""

from scoring.contract import Failure, Reason
from scoring.core.log import log


class ScoringError(Exception):
    """An answer other than 200: HTTP status, a stable code, and a sentence about what happened and why.

    `failed` is True where the user's own run() is to blame; `headers` are (name, value) pairs.
    """

    def __init__(
        self, status: int, code: str, message: str, *, failed: bool = False, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.failed = failed
        self.headers = headers


def bad_input(message: str) -> ScoringError:
    """The request cannot be used as it is; sending it again changes nothing."""
    return ScoringError(400, "bad_input", message)


def overloaded(message: str) -> ScoringError:
    """Too much is queued; the same request may well succeed a second later."""
    return ScoringError(503, "overloaded", message, headers=(("retry-after", "1"),))


def client_closed() -> ScoringError:
    """The client has disconnected; this error is only counted."""
    return ScoringError(499, "gone", "The client went away before its turn.")


def too_large(limit: int) -> ScoringError:
    """The body is larger than the service takes."""
    return ScoringError(413, "too_large", f"The body is larger than the limit of {limit} bytes.")


def not_http(error: Exception) -> ScoringError:
    """What one of our callbacks raised inside the HTTP parser, or the parser's own complaint."""
    inner = error.__context__
    return inner if isinstance(inner, ScoringError) else ScoringError(400, "bad_http", f"This is not HTTP/1.1: {error}")


def as_error(result: BaseException) -> ScoringError:
    """An exception of any kind as the error that the client gets; a fault of ours is logged."""
    if isinstance(result, ScoringError):
        return result
    if isinstance(result, MemoryError):
        return ScoringError(500, "out_of_memory", "There was not enough memory to answer.", failed=True)
    if isinstance(result, RecursionError):
        return bad_input("the body is nested too deeply")
    log(f"scoring failed: {result!r}", "E")
    return ScoringError(500, "internal", "The server failed; its log says how.")


class StartFailure(Exception):
    """The server cannot start or go on; carries what goes into status.json."""

    def __init__(self, reason: Reason, message: str, evidence: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.failure = Failure(reason=reason, message=message, evidence=evidence[-20_000:], hint=hint)
