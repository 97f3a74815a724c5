"""Responses in content codings, compressed by threads of their own beside the runs of other calls."""

import asyncio
import re
import zlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from scoring.core.answer import Answer
from scoring.core.log import log
from scoring.core.request import Request
from scoring.http.content_coding import CONTAINERS, coding_name

MIN_BYTES = 16 * 1024  # smaller responses reach a client in the first flight of packets (RFC 6928) anyway
SAMPLE_BYTES = 4 * 1024  # taken from the middle of a response and tried first
MIN_SAVING = 0.2  # of the sample, so that dense data (images, most floats) is not compressed
LEVEL = 1  # on numbers in JSON level 6 takes 8 times as long, to save 5 % more
NEVER_CODED = frozenset((204, 206, 304))  # without a body, or with a part of one
# A script that sets one of these has decided about the coding of its body.
DECIDED_BY_SCRIPT = frozenset(
    ("content-encoding", "content-range", "content-digest", "repr-digest", "digest", "content-md5", "etag")
)
VARY = ("vary", "Accept-Encoding")
_weight = re.compile(rb"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*")
Then = Callable[[Answer | BaseException], None]


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
        weights[coding_name(name)] = _weight_of(parameter)
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
