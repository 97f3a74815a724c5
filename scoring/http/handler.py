"""From a request to its response: which route it takes, and what connections are told."""

import asyncio
from collections.abc import Callable
from time import monotonic, perf_counter_ns

from scoring.contract import RunSettings
from scoring.core.errors import ScoringError, overloaded, too_large
from scoring.core.request import JSON_TYPES
from scoring.counters.telemetry import ADDRESS_CONNECTIONS, CONNECTIONS, Counters
from scoring.engine.dispatch import Dispatcher
from scoring.engine.engine import Engine, Served
from scoring.http.busy_poll import BusyPoll, has_cores_to_spare
from scoring.http.compression import Compressor
from scoring.http.connection import Connection
from scoring.http.connection_limit import evict
from scoring.http.endpoint import HttpEndpoint
from scoring.http.head_cache import HeadCache
from scoring.http.loopback_guard import LoopbackGuard
from scoring.http.request import HttpRequest
from scoring.http.responses import Responses
from scoring.http.routes import Route, Routes
from scoring.http.service_pages import pages
from scoring.http.streams import Streams
from scoring.queue.handler import Handler

EARLY_BYTES = 64 * 1024  # bodies above this are refused before they are read, if they will be refused


class HttpHandler:
    """The handler of all connections of a process. All calls go to the `dispatcher`."""

    def __init__(
        self, run: RunSettings, engine: Engine, dispatcher: Dispatcher, counters: Counters, on_stuck: Callable[[], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        self.max_body = run.max_body_bytes
        self.heads = HeadCache()
        self.draining = False  # every connection closes with its next response
        self.connections: set[Connection] = set()
        self._connections_limit = run.connections_limit
        self._counters = counters
        self._dispatcher = dispatcher
        self._guard = LoopbackGuard.of(run)
        self._responses = Responses(run)
        self._streams = Streams(loop, run.scoring_timeout_seconds, on_stuck)
        self._compressor = Compressor(loop, engine.runners) if run.compress_answers else None
        self._busy_poll = BusyPoll(loop) if has_cores_to_spare(run.cpus) else None
        self._takes_options = engine.script is not None and engine.script.takes_options
        self._routes = Routes(engine, pages(run, engine, counters.file, self._is_ready), self._endpoint)

    def drain(self) -> None:
        """The process is about to stop: every connection is told to close with its next response."""
        self.draining = True
        self._responses.drain()

    def leave_address(self, leaves: bool) -> None:
        """Whether connections at the service's address are told to close with their next response."""
        self._responses.leave_address(leaves)

    # -- what a connection calls

    def opened(self, connection: Connection) -> None:
        full = len(self.connections) >= self._connections_limit
        refused = full and not evict(self.connections)
        self.connections.add(connection)
        self._dispatcher.clients += 1
        self._counters.cells[CONNECTIONS] += 1
        self._counters.cells[ADDRESS_CONNECTIONS] += connection.at_address
        if len(self.connections) > 2 * self._connections_limit:
            connection.abort()
        elif refused:
            connection.fail(overloaded(f"{self._connections_limit} connections are open already."))

    def closed(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self._dispatcher.clients -= 1
        self._counters.cells[CONNECTIONS] -= 1
        self._counters.cells[ADDRESS_CONNECTIONS] -= connection.at_address

    def admit(self, request: HttpRequest, length: int | None) -> None:
        """Refuse a body before it is sent: too large, or unauthenticated and large or chunked."""
        if length is not None and length > self.max_body:
            raise too_large(self.max_body)
        if length is None or length > EARLY_BYTES or b"expect" in request.headers:
            self._dispatcher.authenticate(request)

    def handle(self, request: HttpRequest) -> bytes | None:
        """The response, or None when it will be sent later."""
        route = None
        try:
            if self._guard is not None:
                self._guard.check(request)
            route = self._routes.find(request)
            if request.method not in route.methods:
                return self._other_method(request, route)
            if route.endpoint is not None:
                return self._score(request, route, route.endpoint)
            if route.secured:
                self._dispatcher.authenticate(request)
            return self._responses.page(request, *route.page(request))
        except ScoringError as error:
            return self._refusal(request, route, error)
        except Exception as error:
            return self._refusal(request, route, self._responses.as_internal_error(error))

    def refuse(self, request: HttpRequest | None, error: ScoringError) -> bytes:
        """The response to a request that did not arrive whole; the connection closes after it."""
        self._dispatcher.count_unread(error.status)
        return self._responses.last_refusal(request, error)

    # -- housekeeping

    def tick(self) -> None:
        """Once a second: the date, and the time limits of connections."""
        self._responses.serializer.tick()
        now = monotonic()
        for connection in list(self.connections):
            connection.sweep(now)

    def sweep(self) -> None:
        """A few times a second: streams whose next part takes too long."""
        self._streams.sweep()

    # -- routes

    def _endpoint(self, served: Served, handler: Handler, v2: bool) -> HttpEndpoint:
        return HttpEndpoint(served, handler, self._dispatcher, self._responses, self._streams, self._compressor, v2=v2)

    def _score(self, request: HttpRequest, route: Route[HttpEndpoint], endpoint: HttpEndpoint) -> bytes | None:
        dispatcher, headers = self._dispatcher, request.headers
        dispatcher.admit(request)
        if b"content-encoding" in headers:
            call = dispatcher.submit(request, endpoint.decoding(request, self.max_body), threaded=True)
        else:
            is_file = route.takes_files and headers.get(b"content-type") not in JSON_TYPES
            call = dispatcher.submit(request, endpoint, threaded=is_file)
        if call is None:
            return None
        if self._busy_poll is not None:
            self._busy_poll.answered(request.arrived, perf_counter_ns())
        return endpoint.response(request, call)

    def _other_method(self, request: HttpRequest, route: Route[HttpEndpoint]) -> bytes | None:
        """OPTIONS: a CORS preflight, which carries no key; a script's own; or which methods there are."""
        is_options, endpoint = request.method == b"OPTIONS", route.endpoint
        is_scripts = self._takes_options and is_options and endpoint is not None
        allowed = ", ".join(sorted(one.decode() for one in (*route.methods, *([b"OPTIONS"] if is_scripts else []))))
        if is_options and (preflight := self._responses.preflight(request, allowed)) is not None:
            return preflight
        if is_scripts and endpoint is not None:
            return self._score(request, route, endpoint)
        if route.secured:
            self._dispatcher.authenticate(request)
        if is_options:
            return self._responses.options(request, allowed)
        message = f"This address takes {allowed}."
        raise ScoringError(405, "method_not_allowed", message, headers=(("allow", allowed),))

    def _refusal(self, request: HttpRequest, route: Route[HttpEndpoint] | None, error: ScoringError) -> bytes:
        if route is not None and route.endpoint is not None:
            return route.endpoint.refusal(request, error)
        return self._responses.refusal(request, error, self._responses.error_body(request, error))

    def _is_ready(self) -> bool:
        return not self.draining
