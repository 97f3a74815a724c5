"""HTTP content codings gzip and deflate (RFC 9110, 8.4): of bodies that come, and of answers that go.

Neither is done on the loop. A body is decoded in the runner thread that answers it, just before, so that what waits in
the queue has the size it was sent with; an answer is compressed by threads of its own, beside the runs of others.
"""

import asyncio
import re
import zlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter_ns

from scoring.core.answer import Answer, Result
from scoring.core.errors import ScoringError, bad_input, too_large
from scoring.core.log import log
from scoring.core.request import Request
from scoring.core.timings import Timings
from scoring.queue.handler import Handler

WORTH_BYTES = 16 * 1024  # what is smaller reaches a client in the first flight of packets (RFC 6928) as it is
SAMPLE_BYTES = 4 * 1024  # taken from the middle of an answer and tried first
WORTH_SAVING = 0.2  # of the sample, so that dense answers (images, most floats) go as they are
LEVEL = 1  # on numbers in JSON level 6 takes 8 times as long, to save 5 % more
PIECE = 64 * 1024  # fed to the decoder at once
MOST_CODINGS = 4
MOST_MEMBERS = 10_000  # of a gzip body, so that a body of empty ones costs no more than another
GZIP, ZLIB, RAW = 31, 15, -15  # zlib's `wbits`
CONTAINERS = {b"gzip": GZIP, b"deflate": ZLIB}  # the first is preferred
OTHER_NAMES = {b"x-gzip": b"gzip"}
KEPT_AS_THEY_ARE = frozenset((204, 206, 304))  # answers without a body, or with a part of one
# A script that says one of these has told how its body looks on the wire.
TOLD = frozenset(
    ("content-encoding", "content-range", "content-digest", "repr-digest", "digest", "content-md5", "etag")
)
VARY = ("vary", "Accept-Encoding")
_weight = re.compile(rb"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*")
Then = Callable[[Answer | BaseException], None]


# -- bodies that come


class Decoded(Handler):
    """Handler on bodies that come compressed. It shares no runs, so that few of them are held decoded at a time."""

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


def codings_of(told: bytes) -> list[bytes]:
    """What `Content-Encoding` names, in the order in which it was applied; 415 when one is unknown."""
    named = [name for item in told.split(b",") if (name := _name(item)) not in (b"", b"identity")]
    unknown = [name.decode("latin-1") for name in named if name not in CONTAINERS]
    if unknown:
        raise _unsupported(f"The body's Content-Encoding is {', '.join(unknown)}; send gzip, deflate or none.")
    if len(named) > MOST_CODINGS:
        raise _unsupported(f"The body is coded {len(named)} times; this server decodes {MOST_CODINGS} codings at most.")
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
            if container != GZIP or members > MOST_MEMBERS:
                raise EOFError(f"{len(view) - start} bytes follow its end")
            decoder = zlib.decompressobj(container)  # gzip files stand one behind another (RFC 1952, 2.2)
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
    """Whether a body begins as RFC 1950 says; no encoder begins plain deflate data so."""
    return len(body) > 1 and body[0] & 15 == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0


def _unsupported(message: str) -> ScoringError:
    return ScoringError(415, "unsupported_coding", message, headers=(("accept-encoding", "gzip, deflate"),))


def _name(item: bytes) -> bytes:
    name = item.strip().lower()
    return OTHER_NAMES.get(name, name)


# -- answers that go


class Compressor:
    """Compresses large answers for clients that accept it, in threads that start with the first of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, threads: int) -> None:
        self._loop = loop
        self._threads = ThreadPoolExecutor(threads, "compressor")

    def takes(self, request: Request, answer: Answer, then: Then) -> bool:
        """Whether the answer is compressed before it is sent: `then(coded answer or error)` is called on the loop.

        What might be compressed for another client says so in `Vary`.
        """
        if not may_be_coded(answer):
            return False
        answer.headers += (VARY,)
        coding = accepted(request.headers.get(b"accept-encoding", b""))
        if coding is None:
            return False
        try:
            future = self._threads.submit(compressed, answer, coding)
        except RuntimeError as reason:  # no thread can be started: it is sent as it is
            log(f"an answer is not compressed: {reason}", "E")
            return False
        future.add_done_callback(lambda done: self._tell(then, done))
        return True

    def _tell(self, then: Then, done: "Future[Answer]") -> None:
        try:
            self._loop.call_soon_threadsafe(then, done.exception() or done.result())
        except RuntimeError:  # the loop has closed: the server is stopping
            return


def accepted(told: bytes) -> bytes | None:
    """The coding that a client's `Accept-Encoding` likes best (RFC 9110, 12.5.3); None where that is none."""
    if not told:
        return None
    weights: dict[bytes, float] = {}
    for item in told.split(b","):
        name, _, parameter = item.partition(b";")
        weights[_name(name)] = _weight_of(parameter)
    others = weights.get(b"*", 0.0)
    best = max(CONTAINERS, key=lambda coding: weights.get(coding, others))
    weight = weights.get(best, others)
    return best if weight > 0 and weight >= weights.get(b"identity", 0.0) else None


def _weight_of(parameter: bytes) -> float:
    if not parameter:
        return 1.0
    found = _weight.fullmatch(parameter)
    return float(found[1]) if found else 0.0  # what cannot be understood is not asked for


def may_be_coded(answer: Answer) -> bool:
    """Whether an answer is large, and not one whose script has said how it goes over the wire."""
    if len(answer.body) < WORTH_BYTES or answer.status in KEPT_AS_THEY_ARE:
        return False
    return not any(
        name.lower() in TOLD or (name.lower() == "cache-control" and "no-transform" in value.lower())
        for name, value in answer.headers
    )


def compressed(answer: Answer, coding: bytes) -> Answer:
    """The answer in this coding, or as it is when a sample of it hardly shrinks."""
    container, middle = CONTAINERS[coding], len(answer.body) // 2
    sample = answer.body[middle : middle + SAMPLE_BYTES]
    if len(_deflated(sample, container)) > (1 - WORTH_SAVING) * len(sample):
        return answer
    return Answer(
        _deflated(answer.body, container),
        answer.content_type,
        status=answer.status,
        headers=(*answer.headers, ("content-encoding", coding.decode())),
        failed=answer.failed,
    )


def _deflated(body: bytes, container: int) -> bytes:
    encoder = zlib.compressobj(LEVEL, zlib.DEFLATED, container)
    return b"".join((encoder.compress(body), encoder.flush()))
