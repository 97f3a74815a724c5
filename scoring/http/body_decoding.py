"""Request bodies in content codings.

They are decoded in the runner thread that answers them, just before, so that queued bodies keep their compressed size.
"""

import zlib
from time import perf_counter_ns

from scoring.core.answer import Result
from scoring.core.errors import ScoringError, bad_input, too_large
from scoring.core.request import Request
from scoring.core.timings import Timings
from scoring.http.content_coding import CONTAINERS, GZIP, RAW, ZLIB, coding_name
from scoring.queue.handler import Handler

PIECE = 64 * 1024  # fed to the decoder at once
MAX_CODINGS = 4
MAX_MEMBERS = 10_000  # of a gzip body, so that a body of empty ones costs no more than another


class Decoded(Handler):
    """A handler for compressed bodies. Its calls share no runs, so that few bodies are held decoded at a time."""

    def __init__(self, handler: Handler, codings: list[bytes], limit: int) -> None:
        self._handler = handler
        self._codings = codings
        self._limit = limit

    def answer(self, request: Request, timings: Timings) -> Result:
        began = perf_counter_ns()
        body = request.body = decoded(request.body, self._codings, self._limit)
        headers = {name: value for name, value in request.headers.items() if name != b"content-encoding"}
        if b"content-length" in headers:
            headers[b"content-length"] = str(len(body)).encode()
        request.headers = headers
        took = perf_counter_ns() - began
        result = self._handler.answer(request, timings)
        timings.decode += took
        return result


def decoding(handler: Handler, request: Request, limit: int) -> Handler:
    """This handler, on a body that is decoded to at most `limit` bytes first; 415 when its coding is unknown."""
    codings = codings_of(request.headers[b"content-encoding"])
    return Decoded(handler, codings, limit) if codings and request.body else handler


def codings_of(header: bytes) -> list[bytes]:
    """What `Content-Encoding` names, in the order in which it was applied; 415 when one is unknown."""
    named = [name for item in header.split(b",") if (name := coding_name(item)) not in (b"", b"identity")]
    unknown = [name.decode("latin-1") for name in named if name not in CONTAINERS]
    if unknown:
        raise _unsupported(f"The body's Content-Encoding is {', '.join(unknown)}; send gzip, deflate or none.")
    if len(named) > MAX_CODINGS:
        raise _unsupported(f"The body is coded {len(named)} times; this server decodes {MAX_CODINGS} codings at most.")
    return named


def decoded(body: bytes, codings: list[bytes], limit: int) -> bytes:
    """A body without its codings; 413 as soon as there are more than `limit` bytes, 400 when it is damaged."""
    for coding in reversed(codings):
        container = CONTAINERS[coding]
        if container == ZLIB and not _has_zlib_header(body):
            container = RAW  # what some clients have always sent as deflate
        try:
            body = _inflated(body, container, limit)
        except zlib.error as error:
            raise bad_input(f"the body cannot be decoded as {coding.decode()}: {error}") from error
        except EOFError as error:
            raise bad_input(f"the body cannot be decoded as {coding.decode()}: {error.args[0]}") from error
    return body


def _inflated(body: bytes, container: int, limit: int) -> bytes:
    view, parts, start, size, members = memoryview(body), list[bytes](), 0, 0, 1
    decoder = zlib.decompressobj(container)
    while start < len(view):
        if decoder.eof:
            members += 1
            if container != GZIP or members > MAX_MEMBERS:
                raise EOFError(f"{len(view) - start} bytes follow its end")
            decoder = zlib.decompressobj(container)  # gzip members may follow one another (RFC 1952, 2.2)
        piece = view[start : start + PIECE]
        part = decoder.decompress(piece, limit - size + 1)
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
        start += len(piece) - len(decoder.unused_data)
    if not decoder.eof:
        raise EOFError("it ends too early")
    return b"".join(parts)


def _has_zlib_header(body: bytes) -> bool:
    """Whether a body begins with a header of RFC 1950; no encoder begins raw deflate data like that."""
    return len(body) > 1 and body[0] & 15 == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0


def _unsupported(message: str) -> ScoringError:
    return ScoringError(415, "unsupported_coding", message, headers=(("accept-encoding", "gzip, deflate"),))
