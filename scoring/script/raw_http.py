"""Scripts that speak HTTP themselves: their request, and their own responses (AMLResponse, werkzeug's, Flask's)."""

import sys
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from werkzeug.wrappers import Response

from scoring.core.answer import WITHOUT_BODY, Answer
from scoring.core.errors import ScoringError
from scoring.core.request import Request
from scoring.script.compat.raw_http import RUN_FAILED, AMLRequest
from scoring.script.failures import script_failed

STATUSES = range(200, 600)  # of a final response; lower ones are of interim responses (RFC 9110, 15)
# Headers that the server sets itself, and those that no script may set.
SERVER_HEADERS = {
    "connection",
    "content-length",
    "content-type",
    "date",
    "keep-alive",
    "set-cookie",  # would be sent to every other service on this host, and replace the studio's own
    "transfer-encoding",
    "upgrade",
    RUN_FAILED,
}


class RawHttp:
    """Reads the arguments of a run() that is marked with `rawhttp`: the request itself."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, request: Request) -> dict[str, Any]:
        return {self._name: AMLRequest(environment(request))}


def environment(request: Request) -> dict[str, Any]:
    """The request as WSGI describes one (PEP 3333)."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.items()}
    path, _, query = request.target.partition(b"?")
    host, _, port = headers.get("host", "localhost").partition(":")
    environ = {
        "REQUEST_METHOD": request.method.decode("latin-1"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": headers.pop("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    headers.pop("content-length", None)
    headers.pop("transfer-encoding", None)  # the body is whole already
    return environ | {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}


def answer_of(response: Response) -> Answer:
    """A script's own response, sent as it is; a status from 500 on counts as a failure, as in Azure's server."""
    if response.status_code not in STATUSES:
        response.close()
        message = f"run() answered with the status {response.status_code}; an answer has one of 200 to 599"
        raise ScoringError(500, "script_failed", message, failed=True)
    failed = response.status_code >= 500 or response.headers.get(RUN_FAILED, "False").lower() == "true"
    kind = (response.headers.get("Content-Type") or "application/octet-stream").encode("latin-1", "replace")
    headers = tuple((name, value) for name, value in response.headers if name.lower() not in SERVER_HEADERS)
    if response.status_code in WITHOUT_BODY:
        response.close()  # a conditional response may still hold the whole body
        return Answer(b"", kind, status=response.status_code, headers=headers, failed=failed)
    streamed = response.is_streamed or response.direct_passthrough
    body = b"" if streamed else response.get_data()
    stream = Parts(response) if streamed else None
    return Answer(body, kind, status=response.status_code, headers=headers, failed=failed, stream=stream)


class Parts:
    """The parts of a streamed response; closing them closes it, started or not. An error in it is the script's."""

    def __init__(self, response: Response) -> None:
        self._parts = iter(response.iter_encoded())
        self.close = response.close

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            part = next(self._parts)
        except StopIteration:
            raise
        except BaseException as error:  # whatever a script raises ends its own stream
            raise script_failed(error) from error
        if not isinstance(part, bytes):
            message = f"run() answered in parts of which one is of type {type(part).__name__}; they are text or bytes"
            raise ScoringError(500, "script_failed", message, failed=True)
        return part
