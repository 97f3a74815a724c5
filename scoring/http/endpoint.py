"""From what came of a call to its HTTP response."""

from collections.abc import Callable
from copy import copy
from http import HTTPStatus
from time import perf_counter_ns

from scoring.core.answer import EVENTS, Answer
from scoring.core.errors import ScoringError
from scoring.engine.dispatch import Dispatcher
from scoring.engine.endpoint import Endpoint
from scoring.engine.engine import Served
from scoring.front_contract import ROWS_HEADER, ROWS_WANTED
from scoring.http.body_decoding import decoding
from scoring.http.compression import MIN_BYTES, Compressor
from scoring.http.request import HttpRequest
from scoring.http.responses import Responses
from scoring.http.serializer import error_answer, run_lines
from scoring.http.streams import Stream, Streams
from scoring.queue.call import Call
from scoring.queue.handler import Handler

ROWS, WANTED = ROWS_HEADER.encode(), ROWS_WANTED.encode()


class HttpEndpoint(Endpoint[HttpRequest]):
    """An address that scores. `v2` chooses the errors and headers of /v2 and /v1 instead of Azure's."""

    settled_bytes = MIN_BYTES  # larger ones may be compressed

    def __init__(
        self,
        served: Served,
        handler: Handler,
        dispatcher: Dispatcher,
        responses: Responses,
        streams: Streams,
        compressor: Compressor | None,
        *,
        v2: bool,
    ) -> None:
        super().__init__(served, handler)
        self._dispatcher = dispatcher
        self._responses = responses
        self._streams = streams
        self._compressor = compressor
        self._v2 = v2
        self._serializer = responses.serializer

    def decoding(self, request: HttpRequest, limit: int) -> "HttpEndpoint":
        """This endpoint for a request whose body is compressed: at most `limit` bytes when decoded."""
        endpoint = copy(self)
        endpoint.handler = decoding(self.handler, request, limit)
        return endpoint

    def on_done(self, request: HttpRequest, call: Call) -> None:
        result = call.result
        if type(result) is bytes and len(result) < MIN_BYTES:  # what `response` does, for nearly all calls
            request.client.answer(request, self._json(request, call, result))
        else:
            self._send(request, self.response, call)

    def on_lost(self, request: HttpRequest) -> None:
        request.client.abort()

    def response(self, request: HttpRequest, call: Call) -> bytes | None:
        """The bytes to send; None when they will be sent later, or in parts."""
        result = call.result
        if type(result) is bytes:
            if len(result) < MIN_BYTES:
                return self._json(request, call, result)
            result = Answer(result)
        elif isinstance(result, ScoringError):
            return self._refused(request, call, result)
        return self._response_to_answer(request, call, result)

    def _json(self, request: HttpRequest, call: Call, body: bytes) -> bytes:
        """Nearly all responses, in as few steps as possible."""
        lines, responses = request.id_lines, self._responses
        if request.front:
            lines += _rows_line(request, call)
        if not (responses.is_plain and request.keep_alive) or b"connection" in request.headers:
            lines += responses.general_headers(request)
        return self._serializer.json_ok(body, lines) if self._v2 else self._serializer.run_ok(body, lines, call.infer)

    def _refused(self, request: HttpRequest, call: Call, error: BaseException) -> bytes:
        return self._whole(request, call, error_answer(request, error, self._v2))

    def _response_to_answer(self, request: HttpRequest, call: Call, answer: Answer) -> bytes | None:
        if answer.stream is not None:
            return self._begin_stream(request, call, answer)
        return None if self._is_compressed_first(request, call, answer) else self._whole(request, call, answer)

    def _whole(self, request: HttpRequest, call: Call, answer: Answer, coded: Answer | None = None) -> bytes:
        """An answer in one piece, sent as it is or in the content coding of `coded`."""
        headers = self._headers(request, call, failed=answer.failed)
        if request.front and answer.status < HTTPStatus.BAD_REQUEST:
            headers += _rows_line(request, call)
        sent = self._responses.without_repeated_cors(coded or answer)
        self._dispatcher.record(call, self, answer.status, answer)
        return self._serializer.answer(sent, headers)

    def _headers(self, request: HttpRequest, call: Call, *, failed: bool) -> bytes:
        lines = request.id_lines + self._responses.general_headers(request)
        return lines if self._v2 else lines + run_lines(call.infer, failed=failed)

    def _is_compressed_first(self, request: HttpRequest, call: Call, answer: Answer) -> bool:
        """Whether a thread compresses the answer, which is sent after that."""
        began = perf_counter_ns()

        def then(coded: Answer | BaseException) -> None:
            call.encode += perf_counter_ns() - began
            if isinstance(coded, BaseException):
                self._send(request, self._refused, call, coded)
            else:
                self._send(request, self._whole, call, answer, coded)

        return self._compressor is not None and self._compressor.start(request, answer, then)

    def _begin_stream(self, request: HttpRequest, call: Call, answer: Answer) -> bytes | None:
        """Let a thread make the parts; an error before the first part is answered as if there were no stream."""

        def refuse(error: BaseException) -> bytes:
            return self._refused(request, call, error)

        def count(status: int) -> None:
            self._dispatcher.record(call, self, status, answer)

        answer = self._responses.without_repeated_cors(answer)
        headers = self._headers(request, call, failed=answer.failed) + _rows_line(request, call)
        head = self._serializer.head(answer, headers)
        parts, events = answer.stream or iter(()), answer.content_type == EVENTS
        try:
            self._streams.start(Stream(request, parts, head, refuse, count, events=events))
        except ScoringError as error:
            return refuse(error)
        return None

    def _send(self, request: HttpRequest, make: Callable[..., bytes | None], *arguments: object) -> None:
        """Send what `make` makes to a client that waits, which it may also do later by itself."""
        try:
            response = make(request, *arguments)
        except Exception as error:  # the client waits: it gets an answer, whatever has happened
            response = self.failure(request, error)
        if response is not None:
            request.client.answer(request, response)

    def failure(self, request: HttpRequest, error: Exception) -> bytes:
        """The response where a fault of ours left none."""
        return self.refusal(request, self._responses.as_internal_error(error))

    def refusal(self, request: HttpRequest, error: ScoringError) -> bytes:
        """The response to a request that was not run."""
        body = self._responses.error_body(request, error)
        self._dispatcher.refuse(request, self.served, error.status, body)
        return self._responses.refusal(request, error, body)


def _rows_line(request: HttpRequest, call: Call) -> bytes:
    """How many rows a request had, for a front that asks."""
    return b"%b: %d\r\n" % (ROWS, call.own_rows) if request.front.endswith(WANTED) else b""
