"""What the script prints: captured line by line, each with the id of the request that was being run.

Only output through Python's sys.stdout and sys.stderr is captured; what libraries write to the descriptors, and
programs that the script starts, goes to the log as it is.
"""

import io
import sys
import threading
from collections.abc import Iterator
from typing import Any

from scoring.core.answer import Answer, Result
from scoring.core.log import MOST_BYTES, current_id, current_request_id, log_printed
from scoring.core.request import Request
from scoring.core.request_ids import request_context
from scoring.core.timings import Timings
from scoring.queue.handler import Handler


def capture_output() -> None:
    """Capture what print() writes in this process from now on."""
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        getattr(sys, name).flush()
        stream = io.TextIOWrapper(
            _LineStream(descriptor),  # type: ignore[type-var]  # it asks a raw stream for no more than this one has
            encoding="utf-8",
            errors="backslashreplace",
            newline="\n",
            write_through=True,
        )
        setattr(sys, name, stream)


class _LineStream(io.RawIOBase):
    """Joins pieces to lines, separately for each thread: print() writes a line in several pieces."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._partial: dict[int, _PartialLine] = {}  # by thread

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: Any) -> int:
        thread, request_id = threading.get_ident(), current_request_id()
        partial = self._partial.pop(thread, None)
        if partial and partial.request_id != request_id:
            partial.finish(self._descriptor)  # the request that printed it has ended
            partial = None
        raw = bytes(data)
        first, *others = raw.split(b"\n")
        line = partial or _PartialLine(request_id)
        line.add(first)
        for piece in others:
            line.finish(self._descriptor)
            line = _PartialLine(request_id)
            line.add(piece)
        if line.size:
            self._partial[thread] = line
        return len(raw)

    def flush(self) -> None:
        """Write partial lines too."""
        while self._partial:
            self._partial.popitem()[1].finish(self._descriptor)


class _PartialLine:
    """A line without its end; only as much of it is kept as will be logged."""

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.size = 0
        self._kept = bytearray()

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        room = MOST_BYTES + 1 - len(self._kept)
        if room > 0:
            self._kept += piece[:room]

    def finish(self, descriptor: int) -> None:
        log_printed(descriptor, bytes(self._kept), self.size, self.request_id)


class WithRequestId(Handler):
    """A handler that sets `current_id` to the request's id while it runs, for what the script prints."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def answer(self, request: Request, timings: Timings) -> Result:
        token = current_id.set(request.id)
        try:
            answer, span = self._handler.answer, request.span
            result = answer(request, timings) if span is None else span.within(answer, request, timings)
        finally:
            current_id.reset(token)
        if type(result) is Answer and result.stream is not None:
            result.stream = _Parts(result.stream, request)
        return result


class _Parts:
    """The parts of a stream, each made with `current_id` set to the request's id."""

    def __init__(self, parts: Iterator[bytes], request: Request) -> None:
        self._parts = parts
        self._request = request
        self.close = getattr(parts, "close", lambda: None)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with request_context(self._request):
            return next(self._parts)
