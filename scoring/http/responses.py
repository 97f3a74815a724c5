"""Responses that belong to no call: pages and refusals; and the headers that all responses share."""

from scoring.contract import RunSettings
from scoring.core.answer import JSON, TEXT, Answer
from scoring.core.errors import ScoringError
from scoring.core.log import log
from scoring.http.cors import Cors
from scoring.http.request import HttpRequest
from scoring.http.serializer import Serializer, error_body, header_lines


class Responses:
    """`is_plain`: responses need no headers but their own, unless their request asks for some."""

    def __init__(self, run: RunSettings) -> None:
        self.serializer = Serializer()
        self._cors = Cors.of(run)
        self._draining = False
        self._leaves_address = False
        self.is_plain = self._cors is None

    def drain(self) -> None:
        """From now on every response says that its connection closes."""
        self._draining = True
        self.is_plain = False

    def leave_address(self, leaves: bool) -> None:
        """Whether responses to connections at the service's address say that these close."""
        self._leaves_address = leaves
        self.is_plain = self._cors is None and not self._draining and not leaves

    def page(self, request: HttpRequest, content_type: bytes, body: bytes) -> bytes:
        """200 with a body that HEAD leaves out."""
        headers, is_head = self.general_headers(request), request.method == b"HEAD"
        return self.serializer.reply(200, body, headers, content_type=content_type, without_body=is_head)

    def options(self, request: HttpRequest, allowed: str) -> bytes:
        """The response to OPTIONS, where it is no preflight: which methods there are."""
        headers = f"allow: {allowed}\r\n".encode() + self.general_headers(request)
        return self.serializer.reply(200, b"", headers, content_type=TEXT)

    def preflight(self, request: HttpRequest, allowed: str) -> bytes | None:
        """The response to a browser's CORS preflight; None where the request is none."""
        lines = b"" if self._cors is None else self._cors.preflight(request, allowed)
        if not lines:
            return None
        return self.serializer.reply(200, b"", lines + self.general_headers(request), content_type=TEXT)

    def refusal(self, request: HttpRequest, error: ScoringError, body: bytes) -> bytes:
        """An error, with its body from `error_body`."""
        headers = request.id_lines + header_lines(error.headers) + self.general_headers(request)
        return self.serializer.reply(error.status, body, headers, without_body=request.method == b"HEAD")

    def last_refusal(self, request: HttpRequest | None, error: ScoringError) -> bytes:
        """The error of a request that did not arrive whole; its connection closes after it."""
        headers = header_lines(error.headers) + b"connection: close\r\n"
        if self._cors is not None and request is not None:
            headers += self._cors.lines(request)
        body = error_body(error, False) if request is None else self.error_body(request, error)
        return self.serializer.reply(error.status, body, headers, content_type=JSON)

    @staticmethod
    def error_body(request: HttpRequest, error: ScoringError) -> bytes:
        """An error as the protocol of the request's address writes it."""
        return error_body(error, request.target.startswith((b"/v1/", b"/v2")))

    @staticmethod
    def as_internal_error(error: Exception) -> ScoringError:
        """500 for a fault of ours, which the log has."""
        log(f"an answer failed: {error!r}", "E")
        return ScoringError(500, "internal", "The server failed; its log says how.")

    def general_headers(self, request: HttpRequest) -> bytes:
        """The headers of any response: CORS, and whether the connection persists."""
        lines = b"" if self._cors is None else self._cors.lines(request)
        if self._draining or (self._leaves_address and request.client.at_address):
            request.keep_alive = False
        if not request.keep_alive:
            return lines + b"connection: close\r\n"
        return lines + b"connection: keep-alive\r\n" if b"connection" in request.headers else lines

    def without_repeated_cors(self, answer: Answer) -> Answer:
        """An answer without those headers of a script that `general_headers` sets."""
        if self._cors is not None:
            answer.headers = self._cors.without_own(answer.headers)
        return answer
