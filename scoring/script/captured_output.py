"""What the script prints: caught line by line, each with the id of the request that was being worked on.

Only what goes through Python's sys.stdout and sys.stderr is caught; libraries that write to the descriptors
themselves, and programs that the script starts, write to the log as they are.
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


def catch_prints() -> None:
    """From now on print() of this process goes through here."""
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        getattr(sys, name).flush()
        stream = io.TextIOWrapper(
            _Caught(descriptor),  # type: ignore[type-var]  # it asks a raw stream for no more than this one has
            encoding="utf-8",
            errors="backslashreplace",
            newline="\n",
            write_through=True,
        )
        setattr(sys, name, stream)


class _Caught(io.RawIOBase):
    """Puts pieces together to lines, for each thread apart: print() writes a line in several pieces."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._begun: dict[int, _Begun] = {}  # by thread

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: Any) -> int:
        thread, asked = threading.get_ident(), current_request_id()
        begun = self._begun.pop(thread, None)
        if begun and begun.asked != asked:
            begun.finish(self._descriptor)  # the request that began this line has ended
            begun = None
        given = bytes(data)
        first, *others = given.split(b"\n")
        line = begun or _Begun(asked)
        line.add(first)
        for piece in others:
            line.finish(self._descriptor)
            line = _Begun(asked)
            line.add(piece)
        if line.size:
            self._begun[thread] = line
        return len(given)

    def flush(self) -> None:
        """What has been begun is shown: whoever flushes wants it to be seen."""
        while self._begun:
            self._begun.popitem()[1].finish(self._descriptor)


class _Begun:
    """A line without its end; no more of it is kept than will be shown."""

    def __init__(self, asked: str) -> None:
        self.asked = asked
        self.size = 0
        self._kept = bytearray()

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        room = MOST_BYTES + 1 - len(self._kept)
        if room > 0:
            self._kept += piece[:room]

    def finish(self, descriptor: int) -> None:
        log_printed(descriptor, bytes(self._kept), self.size, self.asked)


class Identified(Handler):
    """Handler during which `current_id` tells the request's id: for scripts, which print."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def answer(self, request: Request, timings: Timings) -> Result:
        token = current_id.set(request.id)
        try:
            ask, span = self._handler.answer, request.span
            result = ask(request, timings) if span is None else span.within(ask, request, timings)
        finally:
            current_id.reset(token)
        if type(result) is Answer and result.stream is not None:
            result.stream = _Parts(result.stream, request)
        return result


class _Parts:
    """The parts of a stream, each made while `current_id` tells the request's id."""

    def __init__(self, parts: Iterator[bytes], request: Request) -> None:
        self._parts = parts
        self._request = request
        self.close = getattr(parts, "close", lambda: None)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with request_context(self._request):
            return next(self._parts)
