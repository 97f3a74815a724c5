"""Schemas of models without code, from their signatures, for the versions of OpenAPI."""

import math
import re
from typing import Any

from scoring.engine.engine import Served

Document = dict[str, Any]
KINDS = {
    "BOOL": ("boolean", None),
    "BYTES": ("string", None),
    "FP64": ("number", "double"),
    "INT64": ("integer", "int64"),
}
EXAMPLE_DIMENSION = 1
EXAMPLE_VALUES = 1024  # larger examples are left out


def score_schemas(served: Served, version: str) -> Document:
    """`ServiceInput` and `ServiceOutput` of `/score`.

    OpenAPI 2 has no alternatives, so it describes only the protocol's form. Later versions refer to the model's own
    schemas: generators of clients lose the class of an alternative that repeats one.
    """
    inputs, outputs = served.signature.get("inputs") or [], served.signature.get("outputs") or []
    if not served.is_model or not inputs:
        return {"ServiceInput": {"type": "object", "example": {"data": []}}, "ServiceOutput": {"type": "object"}}
    request, response = _request_schema(inputs, outputs, version), _response_schema(outputs, version)
    if version != "2":
        asked, given = ({"$ref": f"#/components/schemas/{name}"} for name in schema_names(served))
        example = {key: request[key] for key in ("example",) if key in request}
        request = {"anyOf": [asked, _short(_nested_of(inputs, version))]} | example
        response = {"oneOf": [given, _short({})]}
    return {"ServiceInput": request, "ServiceOutput": response}


def schemas_of(model: Served, version: str) -> Document:
    """Requests and responses of a model in the Open Inference Protocol."""
    inputs, outputs = model.signature.get("inputs") or [], model.signature.get("outputs") or []
    request, response = schema_names(model)
    return {request: _request_schema(inputs, outputs, version), response: _response_schema(outputs, version)}


def schema_names(model: Served) -> tuple[str, str]:
    """The names of the schemas of a model's request and response."""
    ending = re.sub(r"[^A-Za-z0-9_-]", "_", model.name) + f"_{model.version}"
    return f"InferenceRequest_{ending}", f"InferenceResponse_{ending}"


def body_types(served: Served) -> Document:
    """What `/score` takes besides JSON: content types with the schema of a file."""
    inputs = served.signature.get("inputs") or []
    if not served.is_model:
        return {}
    file: Document = {"type": "string", "format": "binary"}
    return {"application/vnd.apache.arrow.stream": file} | ({"application/x-npy": file} if len(inputs) == 1 else {})


def _request_schema(inputs: list[Document], outputs: list[Document], version: str) -> Document:
    schema = _tensors("inputs", inputs, version)
    wanted = {"type": "object", "required": ["name"], "properties": {"name": _name(outputs)}}
    schema["properties"] |= {"id": {"type": "string"}, "outputs": {"type": "array", "items": wanted}}
    examples = [_example(one) for one in inputs if not one.get("optional")]
    return schema | ({"example": {"inputs": examples}} if all(examples) else {})


def _response_schema(outputs: list[Document], version: str) -> Document:
    schema = _tensors("outputs", outputs, version)
    schema["properties"] |= {name: {"type": "string"} for name in ("model_name", "model_version", "id")}
    return schema


def _short(data: Document) -> Document:
    """`{"data": …}`."""
    return {"type": "object", "required": ["data"], "properties": {"data": data}}


def _nested_of(tensors: list[Document], version: str) -> Document:
    """Nested lists, in an object by name where there are several."""
    nested = {one["name"]: _nested(one, version) for one in tensors}
    if len(nested) == 1:
        return nested[tensors[0]["name"]]
    needed = [one["name"] for one in tensors if not one.get("optional")]
    by_name = {"type": "object", "properties": nested} | ({"required": needed} if needed else {})
    return {"anyOf": [nested[needed[0]], by_name]} if len(needed) == 1 else by_name


def _nested(tensor: Document, version: str) -> Document:
    """Lists as deep as the tensor; anything goes where the model does not say how deep."""
    if not tensor["shape"]:
        return {}
    schema = _element([tensor], version)
    for size in reversed(tensor["shape"]):
        schema = {"type": "array", "items": schema} | ({} if size < 0 else {"minItems": size, "maxItems": size})
    return schema


def _tensors(key: str, tensors: list[Document], version: str) -> Document:
    item = {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": _name(tensors),
            "shape": {"type": "array", "items": {"type": "integer"}},
            "datatype": {"type": "string", "enum": sorted({one["datatype"] for one in tensors})},
            "data": {"type": "array", "items": _element(tensors, version)},
        },
    }
    return {"type": "object", "required": [key], "properties": {key: {"type": "array", "items": item}}}


def _name(tensors: list[Document]) -> Document:
    return {"type": "string", "enum": [one["name"] for one in tensors]}


def _element(tensors: list[Document], version: str) -> Document:
    """The schema of a value, where all tensors agree on one. Floating-point numbers may be null, which is NaN."""
    kinds = {
        KINDS.get(one["datatype"], ("number" if one["datatype"].startswith("FP") else "integer", None))
        for one in tensors
    }
    if len(kinds) != 1:
        return {}
    kind, form = kinds.pop()
    schema: Document = {"type": kind} | ({"format": form} if form else {})
    if kind != "number":
        return schema
    if version == "3.1":
        return schema | {"type": [kind, "null"]}
    return schema | {"x-nullable" if version == "2" else "nullable": True}


def _example(tensor: Document) -> Document:
    """A tensor of zeros; empty where it would be too large to be read."""
    shape = [EXAMPLE_DIMENSION if size < 0 else size for size in tensor["shape"]]
    size = math.prod(shape)
    if size > EXAMPLE_VALUES:
        return {}
    zero: Any = {"BOOL": False, "BYTES": ""}.get(tensor["datatype"], 0.0 if tensor["datatype"][:2] == "FP" else 0)
    return {"name": tensor["name"], "shape": shape, "datatype": tensor["datatype"], "data": [zero] * size}
