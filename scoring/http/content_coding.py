"""HTTP content codings gzip and deflate (RFC 9110, 8.4), of request bodies and of responses.

Neither runs on the loop. A body is decoded in the runner thread that answers it, just before, so that queued bodies
keep their compressed size; responses are compressed by threads of their own, beside the runs of others.
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

MIN_BYTES = 16 * 1024  # smaller responses reach a client in the first flight of packets (RFC 6928) anyway
SAMPLE_BYTES = 4 * 1024  # taken from the middle of a response and tried first
MIN_SAVING = 0.2  # of the sample, so that dense data (images, most floats) is not compressed
LEVEL = 1  # on numbers in JSON level 6 takes 8 times as long, to save 5 % more
PIECE = 64 * 1024  # fed to the decoder at once
MAX_CODINGS = 4
MAX_MEMBERS = 10_000  # of a gzip body, so that a body of empty ones costs no more than another
GZIP, ZLIB, RAW = 31, 15, -15  # zlib's `wbits`
CONTAINERS = {b"gzip": GZIP, b"deflate": ZLIB}  # the first is preferred
OTHER_NAMES = {b"x-gzip": b"gzip"}
NEVER_CODED = frozenset((204, 206, 304))  # without a body, or with a part of one
# A script that sets one of these has decided about the coding of its body.
DECIDED_BY_SCRIPT = frozenset(
    ("content-encoding", "content-range", "content-digest", "repr-digest", "digest", "content-md5", "etag")
)
VARY = ("vary", "Accept-Encoding")
_weight = re.compile(rb"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*")
Then = Callable[[Answer | BaseException], None]


# -- request bodies


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
    named = [name for item in header.split(b",") if (name := _name(item)) not in (b"", b"identity")]
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


def _name(item: bytes) -> bytes:
    name = item.strip().lower()
    return OTHER_NAMES.get(name, name)


# -- responses


class Compressor:
    """Compresses large answers for clients that accept it, in threads that start with the first of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, threads: int) -> None:
        self._loop = loop
        self._threads = ThreadPoolExecutor(threads, "compressor")

    def start(self, request: Request, answer: Answer, then: Then) -> bool:
        """Whether the answer will be compressed: `then(coded answer or error)` is called on the loop when it is.

        An answer that might be compressed for another client gets a `Vary` header.
        """
        if not may_be_compressed(answer):
            return False
        answer.headers += (VARY,)
        coding = accepted(request.headers.get(b"accept-encoding", b""))
        if coding is None:
            return False
        try:
            future = self._threads.submit(compressed, answer, coding)
        except RuntimeError as reason:  # no thread can be started: it is sent uncompressed
            log(f"an answer is not compressed: {reason}", "E")
            return False
        future.add_done_callback(lambda done: self._call_on_loop(then, done))
        return True

    def _call_on_loop(self, then: Then, done: "Future[Answer]") -> None:
        try:
            self._loop.call_soon_threadsafe(then, done.exception() or done.result())
        except RuntimeError:  # the loop has closed: the server is stopping
            return


def accepted(header: bytes) -> bytes | None:
    """The coding that a client's `Accept-Encoding` prefers (RFC 9110, 12.5.3); None for no coding."""
    if not header:
        return None
    weights: dict[bytes, float] = {}
    for item in header.split(b","):
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
    return float(found[1]) if found else 0.0  # what cannot be parsed is not accepted


def may_be_compressed(answer: Answer) -> bool:
    """Whether an answer is large, and its script has not decided about its coding."""
    if len(answer.body) < MIN_BYTES or answer.status in NEVER_CODED:
        return False
    return not any(
        name.lower() in DECIDED_BY_SCRIPT or (name.lower() == "cache-control" and "no-transform" in value.lower())
        for name, value in answer.headers
    )


def compressed(answer: Answer, coding: bytes) -> Answer:
    """The answer in this coding, or unchanged if a sample of it hardly shrinks."""
    container, middle = CONTAINERS[coding], len(answer.body) // 2
    sample = answer.body[middle : middle + SAMPLE_BYTES]
    if len(_deflated(sample, container)) > (1 - MIN_SAVING) * len(sample):
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
