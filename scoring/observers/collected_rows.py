"""Rows of collected data as lines of JSON; their fields are described in scoring/contract.py."""

import base64
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import orjson

from scoring.contract import Collect
from scoring.core.answer import Answer
from scoring.core.collecting import Record

if TYPE_CHECKING:
    from scoring.core.request import Request
    from scoring.engine.outcome import Outcome

MAX_CHECKED_BYTES = 1024 * 1024  # larger bodies are kept as text: checking them would hold up the requests
LINE_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
BODY_HEADERS = ("content-type", "inference-header-content-length")  # headers without which a body cannot be read


def request_row(request: "Request", outcome: "Outcome", settings: Collect, revision: int, moment: float) -> bytes:
    """The row of an answered request; `moment` in epoch seconds."""
    served = outcome.served
    row: dict[str, Any] = {
        "id": request.id.decode("latin-1"),
        "time": datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="milliseconds"),  # noqa: UP017
        "revision": revision,
        "model": served.name,
        "version": served.version,
        "address": request.target.partition(b"?")[0].decode("latin-1"),
    }
    if settings.inputs:
        row |= _inputs(request)
    if settings.predictions:
        row |= _predictions(outcome.answer)
    return _encode_line(row)


def script_row(record: Record, revision: int) -> bytes:
    """The row of what a script has collected itself."""
    kept = {name: value for name, value in record.items() if name not in ("request", "time")}
    row = {"id": record.get("request", ""), "time": record.get("time", ""), "revision": revision, "script": kept}
    return _encode_line(row)


def _inputs(request: "Request") -> dict[str, Any]:
    if request.method == b"GET":
        return {"inputs": request.parameters()}
    headers_kept = {name: request.headers.get(name.encode(), b"").decode("latin-1") for name in BODY_HEADERS}
    return _body("inputs", request.body, headers_kept)


def _predictions(answer: bytes | Answer) -> dict[str, Any]:
    if isinstance(answer, bytes):
        return {"predictions": _fragment(answer)}
    if answer.stream is not None:
        return {}  # sent part by part, and never held as a whole
    headers_kept = {name.lower(): value for name, value in answer.headers if name.lower() in BODY_HEADERS}
    return _body("predictions", answer.body, {"content-type": answer.content_type.decode("latin-1")} | headers_kept)


def _body(name: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    """A body as the JSON that it is, else as text, else in base64, with the headers that tell how to read it."""
    if _is_json(body):
        return {name: _fragment(body)}
    headers_kept = {f"{name}_headers": {header: value for header, value in headers.items() if value}}
    try:
        return {f"{name}_text": body.decode()} | headers_kept
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(body).decode()} | headers_kept


def _is_json(body: bytes) -> bool:
    if len(body) > MAX_CHECKED_BYTES:
        return False
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True


def _fragment(body: bytes) -> orjson.Fragment:
    """JSON as it is, on one line: between values a line's end is a space like any other, and values hold none."""
    return orjson.Fragment(body.replace(b"\n", b" ").replace(b"\r", b" "))


def _encode_line(row: dict[str, Any]) -> bytes:
    return orjson.dumps(row, option=LINE_OPTIONS, default=_to_serializable)


def _to_serializable(value: Any) -> Any:
    """What the encoder does not know: moments in ISO 8601, lists where there is one (arrays of texts, parts of arrays),
    else text."""
    if isinstance(value, datetime):  # a class of its own, such as pandas' Timestamp
        return value.isoformat()
    plain = value.tolist() if hasattr(value, "tolist") else value
    return str(value) if type(plain) is type(value) else plain  # of some kinds numpy has no plain twin
