"""Routes: from a request to an answer. Scoring is timed, counted and queued here; protocols are elsewhere."""

import asyncio
from collections.abc import Callable
from functools import partial
from time import monotonic, perf_counter_ns
from typing import Any

from scoring.auth.keys import Keys
from scoring.contract import RunSettings
from scoring.core.answer import EVENTS, Answer
from scoring.core.errors import ScoringError, overloaded, too_large
from scoring.core.log import log
from scoring.core.request import SAID_JSON, Request
from scoring.core.request_ids import RequestIds
from scoring.core.timings import Timings
from scoring.counters.telemetry import AT_ADDRESS, CONNECTIONS, QUEUED, WAITING, Counters
from scoring.engine.engine import Engine
from scoring.http.busy_poll import BusyPoll, has_cores_to_spare
from scoring.http.connection_limit import make_room
from scoring.http.content_coding import WORTH_BYTES, Compressor, decoding
from scoring.http.cors import Cors
from scoring.http.head_cache import Heads
from scoring.http.protocol import Connection
from scoring.http.replies import TEXT, Replies, answer_to, error_body, header_lines, run_lines
from scoring.http.routes import Route, Routes
from scoring.http.service_pages import pages
from scoring.http.streams import Stream, Streams
from scoring.http.turn import Turn
from scoring.metadata.models import Plain
from scoring.observers.watch import Outcome, Watch
from scoring.queue.admission import Admission
from scoring.queue.call import Call, QueuedCall
from scoring.queue.handler import Handler

INLINE_BYTES = 256 * 1024  # larger bodies are decoded and run in a thread, whatever the model's pace
EARLY_BYTES = 64 * 1024  # bodies above this are refused before they are read, when they will be
NO_TIMINGS = Timings()


class App:
    """The handler of all connections of a process."""

    def __init__(
        self,
        run: RunSettings,
        engine: Engine,
        keys: Keys,
        counters: Counters,
        give_up: Callable[[], None],
        watch: Watch | None,
    ) -> None:
        self.max_body = run.max_body_bytes
        self.heads = Heads()
        self.draining = False  # every connection closes with its next answer
        self._leaves_address = False  # those at the service's address do
        self._connections_limit = run.connections_limit
        self.connections: set[Connection] = set()
        self._keys = keys
        self._counters = counters
        self._all_counters = [counters, *(one.counters for one in engine.served if one.counters is not None)]
        self._watch = watch
        self._replies = Replies()
        self._routes = Routes(engine, pages(run, engine, counters.file, self._ready))
        self._ids = RequestIds()
        self._cors = Cors.of(run)
        self._is_plain = self._cors is None  # answers need no headers but their own, unless their request asks for them
        self._is_script = engine.script is not None
        self._takes_options = engine.script is not None and engine.script.takes_options
        loop = asyncio.get_running_loop()
        self._turn = Turn(loop, self._deliver_together, self.connections)
        self._busy_poll = BusyPoll(loop) if has_cores_to_spare(run.cpus) else None
        self._compressor = Compressor(loop, engine.runners) if run.compress_answers else None
        self._streams = Streams(loop, run.scoring_timeout_seconds, give_up)
        self._admission = Admission(
            loop,
            runners=engine.runners,
            limit=run.queue_limit,
            wait=run.queue_wait_seconds,
            timeout=run.scoring_timeout_seconds,
            on_stuck=give_up,
            prepare_thread=engine.prepare_thread,
        )

    @property
    def admission(self) -> Admission:
        """The queue, for whoever else answers in this process."""
        return self._admission

    def drain(self) -> None:
        """The process is about to stop: every connection is told to close with its next answer."""
        self.draining = True
        self._is_plain = False

    def leave_address(self, leaves: bool) -> None:
        """Whether connections at the service's address are told to close with their next answer."""
        self._leaves_address = leaves
        self._is_plain = self._cors is None and not self.draining and not leaves

    # -- what a connection calls

    def opened(self, connection: Connection) -> None:
        full = len(self.connections) >= self._connections_limit
        crowded = full and not make_room(self.connections)
        self.connections.add(connection)
        self._counters.cells[CONNECTIONS] += 1
        self._counters.cells[AT_ADDRESS] += connection.at_address
        if len(self.connections) > 2 * self._connections_limit:
            connection.abort()
        elif crowded:
            connection.fail(overloaded(f"{self._connections_limit} connections are open already."))

    def closed(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self._counters.cells[CONNECTIONS] -= 1
        self._counters.cells[AT_ADDRESS] -= connection.at_address

    def admit(self, request: Request, length: int | None) -> None:
        """Refuse a body that is too large, or of a stranger and large or without a length, before it is sent."""
        if length is not None and length > self.max_body:
            raise too_large(self.max_body)
        if length is None or length > EARLY_BYTES or b"expect" in request.headers:
            self._keys.check(request.headers.get(b"authorization"))

    def handle(self, request: Request) -> bytes | None:
        route = None
        try:
            route = self._routes.find(request)
            if request.method not in route.methods:
                return self._other_method(request, route)
            if route.secured:
                request.key = self._keys.check(request.headers.get(b"authorization"))
            if route.plain is not None:
                return self._plain(request, route.plain)
            return self._score(request, route)
        except ScoringError as error:
            return self._refusal(request, route, error)
        except Exception as error:
            return self._failure(request, route, error)

    def refuse(self, request: Request | None, error: ScoringError) -> bytes:
        """The answer to a request that did not arrive whole; the connection ends after it."""
        self._counters.record(error.status, 0, 0, NO_TIMINGS)
        v2 = request is not None and request.target.startswith((b"/v1/", b"/v2"))
        headers = header_lines(error.headers) + b"connection: close\r\n"
        if self._cors is not None and request is not None:
            headers += self._cors.lines(request)
        return self._replies.reply(error.status, error_body(error, v2), headers)

    def tick(self) -> None:
        """Once a second: the date, the keys, the time limits of connections."""
        self._replies.tick()
        self._keys.refresh()
        now = monotonic()
        for connection in list(self.connections):
            connection.sweep(now)

    def sweep(self) -> None:
        """A few times a second: waits and runs that last too long."""
        for counters in self._all_counters:
            counters.beat()
        self._admission.sweep()
        self._streams.sweep()
        self._counters.cells[WAITING] = self._admission.waiting
        self._counters.cells[QUEUED] = self._admission.queued

    # -- scoring

    def _score(self, request: Request, route: Route) -> bytes | None:
        self._ids.give(request)
        if self._watch is not None:
            self._watch.begin(request)
        if b"content-encoding" in request.headers:
            self._queue(request, route, decoding(route.handler, request, self.max_body))
        elif (
            not route.served.pace.inline
            or len(request.body) > INLINE_BYTES
            or (route.takes_files and request.headers.get(b"content-type") not in SAID_JSON)
        ):
            self._queue(request, route, route.handler)
        elif len(self.connections) == 1:
            return self._score_now(request, route)
        else:
            self._turn.add(request, route)
        return None

    def _queue(self, request: Request, route: Route, handler: Handler) -> None:
        if self._is_script:  # run() is called one at a time: not on the loop too, until nothing waits for a thread
            while len(self._turn):  # an answer lets the next one of a client in
                self._turn.end()
            route.served.pace.inline = False
        self._admission.submit(QueuedCall(handler, request, partial(self._deliver, route)))

    def _score_now(self, request: Request, route: Route) -> bytes | None:
        question = Call(route.handler, request)
        began = perf_counter_ns()
        result = question.result()
        now = perf_counter_ns()
        route.served.pace.note(now - began)
        if self._busy_poll is not None:
            self._busy_poll.answered(request.arrived, now)
        return self._response(request, route, result, began - request.arrived, question)

    def _deliver(self, route: Route, job: QueuedCall, result: Any, waited: int) -> None:
        if not isinstance(result, ScoringError):
            route.served.pace.note(job.decode + job.infer + job.encode)
        if self._is_script and self._admission.waiting:  # as in `_queue`
            route.served.pace.inline = False
        self._send(self._response, job.request, route, result, waited, job)

    def _deliver_together(self, route: Route, done: list[tuple[Call, Any]], began: int) -> None:
        """Answer what came in one turn; what needs nothing special is counted in one go."""
        now = perf_counter_ns()
        route.served.pace.note((now - began) // len(done))
        in_one_go = self._watch is None
        if in_one_go:
            plain = [question for question, result in done if type(result) is bytes and len(result) < WORTH_BYTES]
            self._counters.record_together(plain, began, now)
            if route.served.counters is not None:
                route.served.counters.record_together(plain, began, now)
        for question, result in done:
            request = question.request
            try:
                if in_one_go and type(result) is bytes and len(result) < WORTH_BYTES:
                    request.connection.answer(request, self._json_ok(request, route, result, question))
                else:
                    self._send(self._response, request, route, result, began - request.arrived, question)
            except Exception as error:  # one client's trouble must not stop the others' answers
                log(f"an answer could not be delivered: {error!r}", "E")
                request.connection.abort()

    def _send(self, make: Callable[..., bytes | None], request: Request, route: Route, *given: Any) -> None:
        """Answer a request that `handle` left open with what `make` makes, which may come later by itself."""
        try:
            response = make(request, route, *given)
        except Exception as error:  # the client waits: it is told, whatever has happened
            response = self._failure(request, route, error)
        if response is not None:
            request.connection.answer(request, response)

    def _response(self, request: Request, route: Route, result: Any, waited: int, timings: Timings) -> bytes | None:
        """The bytes of an answer, which is counted here; None when it will be sent later, or in parts."""
        if type(result) is bytes and len(result) < WORTH_BYTES:
            self._count(request, route, 200, result, waited, timings)
            return self._json_ok(request, route, result, timings)
        if isinstance(result, BaseException):
            return self._whole(request, route, answer_to(request, result, route.v2), waited, timings)
        answer = result if type(result) is Answer else Answer(result)
        if answer.stream is None and self._is_compressed_first(request, route, answer, waited, timings):
            return None
        return self._whole(request, route, answer, waited, timings)

    def _whole(
        self, request: Request, route: Route, answer: Answer, waited: int, timings: Timings, coded: Answer | None = None
    ) -> bytes | None:
        """An answer, sent as it is or as what it has been `coded` to."""
        sent, headers = coded or answer, self._headers(request, route, timings, failed=answer.failed)
        if self._cors is not None:
            sent.headers = self._cors.left_of(sent.headers)
        if answer.stream is not None:
            return self._begin_stream(request, route, answer, self._replies.head(answer, headers), waited, timings)
        self._count(request, route, answer.status, answer, waited, timings)
        return self._replies.answer(sent, headers)

    def _is_compressed_first(
        self, request: Request, route: Route, answer: Answer, waited: int, timings: Timings
    ) -> bool:
        """Whether a thread compresses an answer, which is sent after that."""
        began = perf_counter_ns()

        def then(coded: Answer | BaseException) -> None:
            timings.encode += perf_counter_ns() - began
            if isinstance(coded, BaseException):
                self._send(self._response, request, route, coded, waited, timings)
            else:
                self._send(self._whole, request, route, answer, waited, timings, coded)

        return self._compressor is not None and self._compressor.takes(request, answer, then)

    def _json_ok(self, request: Request, route: Route, body: bytes, timings: Timings) -> bytes:
        """What nearly all answers are, in as few steps as can be."""
        lines = request.id_lines
        if not (self._is_plain and request.keep_alive) or b"connection" in request.headers:
            lines += self._general_headers(request)
        return self._replies.json_ok(body, lines) if route.v2 else self._replies.run_ok(body, lines, timings.infer)

    def _headers(self, request: Request, route: Route, timings: Timings, *, failed: bool) -> bytes:
        lines = request.id_lines + self._general_headers(request)
        return lines if route.v2 else lines + run_lines(timings.infer, failed=failed)

    def _begin_stream(
        self, request: Request, route: Route, answer: Answer, head: bytes, waited: int, timings: Timings
    ) -> bytes | None:
        """Let a thread make the parts; what fails before the first is answered as if there were no stream."""

        def refuse(error: BaseException) -> bytes:
            return self._response(request, route, error, waited, timings) or b""

        def count(status: int) -> None:
            self._count(request, route, status, answer, waited, timings)

        parts, events = answer.stream or iter(()), answer.content_type == EVENTS
        try:
            self._streams.start(Stream(request, parts, head, refuse, count, events=events))
        except ScoringError as error:
            return refuse(error)
        return None

    def _count(
        self, request: Request, route: Route, status: int, answer: bytes | Answer, waited: int, timings: Timings
    ) -> None:
        taken = (perf_counter_ns() - request.arrived) // 1000
        self._counters.record(status, taken, waited // 1000, timings, request.key)
        if route.served.counters is not None:
            route.served.counters.record(status, taken, waited // 1000, timings, request.key)
        if self._watch is not None:
            self._watch.end(request, Outcome(status, answer, route.served, taken, waited // 1000, timings))

    # -- everything else

    def _plain(self, request: Request, answer: Plain) -> bytes:
        content_type, body = answer(request)
        headers = self._general_headers(request)
        return self._replies.reply(
            200, body, headers, content_type=content_type, without_body=request.method == b"HEAD"
        )

    def _other_method(self, request: Request, route: Route) -> bytes | None:
        """OPTIONS: a browser's preflight, which carries no key; a script's own; or which methods there are."""
        asks = request.method == b"OPTIONS"
        own = self._takes_options and asks and route.plain is None
        allowed = ", ".join(sorted(method.decode() for method in (*route.methods, *([b"OPTIONS"] if own else []))))
        if asks and self._cors is not None and (lines := self._cors.preflight(request, allowed)):
            return self._replies.reply(200, b"", lines + self._general_headers(request), content_type=TEXT)
        if route.secured:
            request.key = self._keys.check(request.headers.get(b"authorization"))
        if own:
            return self._score(request, route)
        if asks:
            headers = f"allow: {allowed}\r\n".encode() + self._general_headers(request)
            return self._replies.reply(200, b"", headers, content_type=TEXT)
        message = f"This address takes {allowed}."
        raise ScoringError(405, "method_not_allowed", message, headers=(("allow", allowed),))

    def _failure(self, request: Request, route: Route | None, error: Exception) -> bytes:
        """The answer where a fault of ours left none."""
        log(f"an answer failed: {error!r}", "E")
        return self._refusal(request, route, ScoringError(500, "internal", "The server failed; its log says how."))

    def _refusal(self, request: Request, route: Route | None, error: ScoringError) -> bytes:
        v2 = request.target.startswith((b"/v1/", b"/v2"))
        body = error_body(error, v2)
        if route is not None and route.plain is None:
            self._count(request, route, error.status, body, 0, NO_TIMINGS)
        headers = request.id_lines + header_lines(error.headers) + self._general_headers(request)
        return self._replies.reply(error.status, body, headers, without_body=request.method == b"HEAD")

    def _general_headers(self, request: Request) -> bytes:
        lines = b"" if self._cors is None else self._cors.lines(request)
        if self.draining or (self._leaves_address and request.connection.at_address):
            request.keep_alive = False
        if not request.keep_alive:
            return lines + b"connection: close\r\n"
        return lines + b"connection: keep-alive\r\n" if b"connection" in request.headers else lines

    def _ready(self) -> bool:
        return not self.draining
