"""OpenAPI of an entry script: from its inference-schema decorators, or from the files that its author wrote."""

import inspect
import json
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import orjson

from scoring.core.errors import StartFailure
from scoring.script.arguments import has_schema
from scoring.script.loading import HEADERS, Run

Document = dict[str, Any]
# The author's own files by version; the first that exists counts.
FILES = {
    "2": ("swagger.json", "swagger2.json"),
    "3": ("swagger3.json",),
    "3.0": ("swagger3.json",),
    "3.1": ("swagger3.1.json",),
}
ANYTHING: Document = {"type": "object", "example": {}}


class Description:
    """What a script says about its input and output."""

    def __init__(self, run: Run, source: Path) -> None:
        self._own = {version: document for version in FILES if (document := _own_document(source, version))}
        self._input, self._output = _schemas(run) if has_schema(run) else (ANYTHING, ANYTHING)
        self._mixed = has_schema(run) and "2.0" not in _util().get_supported_versions(run)

    def fill(self, document: Document, version: str) -> bytes:
        """A general document of that version with the script's schemas in it, or the author's own; JSON."""
        own = self._own.get(version)
        if own is None:
            schemas = document["definitions"] if version == "2" else document["components"]["schemas"]
            given, returned = self._input, self._output
            if version == "2" and self._mixed:  # lists of several types, which only version 3 can describe
                given, returned = _example_only(given), _example_only(returned)
            schemas |= {"ServiceInput": given, "ServiceOutput": returned}
        return orjson.dumps(own or document, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY)


def _own_document(source: Path, version: str) -> Document | None:
    path = next((path for name in FILES[version] if (path := source / name).is_file()), None)
    if path is None:
        return None
    try:
        document = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise StartFailure("script_invalid", f"{path.name} in the source folder is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise StartFailure("script_invalid", f"{path.name} in the source folder is no JSON object")
    return document


def _util() -> Any:
    return sys.modules["inference_schema.schema_util"]


def _schemas(run: Run) -> tuple[Document, Document]:
    given, returned = deepcopy(_util().get_input_schema(run)), deepcopy(_util().get_output_schema(run))
    for part in ("properties", "example"):
        given.get(part, {}).pop(HEADERS, None)
    parameters = inspect.signature(run).parameters.values()
    needed = [one.name for one in parameters if one.default is one.empty and one.name != HEADERS]
    return given | ({"required": needed} if needed else {}), returned


def _example_only(schema: Document) -> Document:
    return {"type": schema.get("type", "object")} | ({"example": schema["example"]} if "example" in schema else {})
