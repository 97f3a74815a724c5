"""From a request to the arguments of run(), in the three ways that Azure's server knows."""

import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson

from scoring.core.errors import ScoringError, StartFailure, bad_input
from scoring.core.request import JSON_TYPES, Request
from scoring.core.text_encodings import text_of
from scoring.script.loading import HEADERS, Run, data_parameters, one_parameter

Arguments = dict[str, Any]
Reader = Callable[[Request], Arguments]
BYTE_ORDER_MARK = "\ufeff"
RAW_MODULES = ("azureml.contrib.services.aml_request", "azureml_inference_server_http.api.aml_request")


def reader_of(run: Run, path: Path) -> Reader:
    """How to call this run()."""
    reader = _reader_of(run, path)
    if HEADERS not in inspect.signature(run).parameters:
        return reader
    return lambda request: reader(request) | {HEADERS: with_usual_names(request.headers)}


def _reader_of(run: Run, path: Path) -> Reader:
    raw, schema = wants_raw_http(), has_schema(run)
    if raw and schema:
        message = f"run() in {path.name} cannot be decorated with both @rawhttp and @input_schema"
        raise StartFailure("script_invalid", message)
    if schema:
        return _Schema(data_parameters(run, path))
    if raw:
        from scoring.script.raw_http import RawHttp  # only scripts that use it need werkzeug

        return RawHttp(one_parameter(run, path))
    return _text(one_parameter(run, path))


def wants_raw_http() -> bool:
    """Whether the script has used `rawhttp`: of the real packages, which keep a flag, or of ours."""
    if any(getattr(sys.modules.get(name), "_rawHttpRequested", False) for name in RAW_MODULES):
        return True
    ours: Any = sys.modules.get("scoring.script.compat.raw_http")
    return ours is not None and bool(ours.any_decorated())


def has_schema(run: Run) -> bool:
    """Whether run() is decorated by the `inference-schema` package."""
    known: Any = sys.modules.get("inference_schema.schema_util")
    return known is not None and bool(known.is_schema_decorated(run))


def _text(name: str) -> Reader:
    """Undecorated: the whole body as text; a GET's parameters as the text of a JSON object."""

    def read(request: Request) -> Arguments:
        if request.method == b"GET":
            return {name: _query(request).decode()}
        kind = request.headers.get(b"content-type")
        try:
            text = request.body.decode() if kind in JSON_TYPES else text_of(request.body, kind or b"")
        except UnicodeDecodeError:
            text = text_of(request.body)
        return {name: text.removeprefix(BYTE_ORDER_MARK)}  # json.loads() refuses a text that begins with one

    return read


class _Schema:
    """Decorated by `input_schema`: a JSON object whose values are the parameters."""

    def __init__(self, parameters: list[inspect.Parameter]) -> None:
        self._defaults = {one.name: one.default for one in parameters}

    def __call__(self, request: Request) -> Arguments:
        given = _object(_query(request) if request.method == b"GET" else _json_body(request))
        arguments = {name: given.get(name, default) for name, default in self._defaults.items()}
        missing = [name for name, value in arguments.items() if value is inspect.Parameter.empty]
        if missing:
            raise bad_input(f"no value is given for {', '.join(map(repr, missing))}")
        return arguments


def _json_body(request: Request) -> bytes:
    kind = request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json" and not (kind.startswith(b"application/") and kind.endswith(b"+json")):
        raise ScoringError(415, "not_json", "This service takes JSON: send Content-Type: application/json.")
    return request.body


def _object(body: bytes) -> Arguments:
    if not body.strip():
        raise bad_input("the body is empty; a JSON object is expected")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = _read_leniently(body)
    if not isinstance(found, dict):
        raise bad_input("the body must be a JSON object, whose keys are the parameters of run()")
    return found


def _read_leniently(body: bytes) -> Any:
    """The standard decoder takes NaN and Infinity, which pandas and numpy clients do send."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ScoringError(400, "not_json", f"The body is not JSON: {error}") from error


def _query(request: Request) -> bytes:
    """A GET's parameters as a JSON object: each value as JSON where it is some, repeated ones as a list."""
    found = parse_qs(request.query.decode("latin-1"), keep_blank_values=True)
    values = {name: [_value(one) for one in given] for name, given in found.items()}
    try:
        return orjson.dumps({name: given[0] if len(given) == 1 else given for name, given in values.items()})
    except TypeError as error:
        raise bad_input("a parameter is nested too deeply") from error


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def with_usual_names(headers: dict[bytes, bytes]) -> dict[str, str]:
    """Request headers as the script sees them, with names in the usual spelling: `Content-Type`."""
    return {name.decode("latin-1").title(): value.decode("latin-1") for name, value in headers.items()}
