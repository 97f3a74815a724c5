"""The service described as OpenAPI 2 (Azure's default), 3.0 and 3.1, from the model's signature."""

from typing import Any

from scoring.engine import Engine, Served
from scoring.errors import ScoringError

VERSIONS = {"2": "2.0", "3": "3.0.3", "3.0": "3.0.3", "3.1": "3.1.0"}
KINDS = {"BOOL": ("boolean", None), "BYTES": ("string", None), "FP64": ("number", "double")}
EXAMPLE_DIMENSION = 1
EXAMPLE_VALUES = 1024  # a larger example helps nobody
Document = dict[str, Any]


def describe(service: str, engine: Engine, version: str) -> Document:
    """The document for `?version=2|3|3.1`; 404 for any other."""
    if version not in VERSIONS:
        raise ScoringError(404, "not_found", f"There is no swagger version {version}; there are 2, 3 and 3.1.")
    schemas = _schemas(engine.default)
    info = {"title": service, "version": "1.0", "description": f"Scores with {_models(engine)}."}
    if version == "2":
        return {
            "swagger": VERSIONS[version],
            "info": info,
            "schemes": ["http", "https"],
            "consumes": ["application/json"],
            "produces": ["application/json"],
            "securityDefinitions": {"Bearer": {"type": "apiKey", "name": "Authorization", "in": "header"}},
            "paths": _paths_2(),
            "definitions": schemas,
        }
    return {
        "openapi": VERSIONS[version],
        "info": info,
        "paths": _paths_3(),
        "components": {"schemas": schemas, "securitySchemes": {"Bearer": {"type": "http", "scheme": "bearer"}}},
    }


def _models(engine: Engine) -> str:
    return ", ".join(f"{one.name}:{one.version}" for one in engine.served) or "an entry script"


def _schemas(served: Served) -> Document:
    inputs, outputs = served.signature.get("inputs") or [], served.signature.get("outputs") or []
    known = bool(inputs) and served.is_model
    return {
        "ServiceInput": _input(inputs) if known else {"type": "object", "example": {"data": []}},
        "ServiceOutput": _tensors("outputs", outputs) if known else {"type": "object"},
        "ErrorResponse": {
            "type": "object",
            "properties": {"message": {"type": "string"}, "code": {"type": "string"}},
        },
    }


def _input(inputs: list[Document]) -> Document:
    return _tensors("inputs", inputs) | {"example": {"inputs": [_example(one) for one in inputs]}}


def _tensors(key: str, tensors: list[Document]) -> Document:
    item = {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"type": "string", "enum": [one["name"] for one in tensors]},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "datatype": {"type": "string", "enum": sorted({one["datatype"] for one in tensors})},
            "data": {"type": "array", "items": _element(tensors)},
        },
    }
    return {"type": "object", "required": [key], "properties": {key: {"type": "array", "items": item}}}


def _element(tensors: list[Document]) -> Document:
    """The schema of a value, where all tensors agree on one."""
    kinds = {
        KINDS.get(one["datatype"], ("number" if one["datatype"].startswith("FP") else "integer", None))
        for one in tensors
    }
    if len(kinds) != 1:
        return {}
    kind, form = kinds.pop()
    return {"type": kind} | ({"format": form} if form else {})


def _example(tensor: Document) -> Document:
    shape = [EXAMPLE_DIMENSION if size < 0 else size for size in tensor["shape"]]
    size = 1
    for dimension in shape:
        size *= dimension
    zero: Any = {"BOOL": False, "BYTES": ""}.get(tensor["datatype"], 0.0 if tensor["datatype"][:2] == "FP" else 0)
    return {
        "name": tensor["name"],
        "shape": shape,
        "datatype": tensor["datatype"],
        "data": [zero] * min(size, EXAMPLE_VALUES),
    }


def _paths_2() -> Document:
    answer = {"schema": {"$ref": "#/definitions/ServiceOutput"}, "description": "The prediction"}
    failure = {"schema": {"$ref": "#/definitions/ErrorResponse"}, "description": "What went wrong"}
    body = {"name": "serviceInputPayload", "in": "body", "schema": {"$ref": "#/definitions/ServiceInput"}}
    score = _score({"parameters": [body], "responses": {"200": answer, "default": failure}})
    health = {"200": {"description": "The service is up", "schema": {"type": "string"}}}
    swagger = {"200": {"description": "This document", "schema": {"type": "object"}}}
    return _paths(score, health, swagger)


def _paths_3() -> Document:
    def content(name: str) -> Document:
        return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}}

    responses = {
        "200": {"description": "The prediction"} | content("ServiceOutput"),
        "default": {"description": "What went wrong"} | content("ErrorResponse"),
    }
    score = _score({"requestBody": content("ServiceInput"), "responses": responses})
    health = {"200": {"description": "The service is up", "content": {"text/plain": {"schema": {"type": "string"}}}}}
    swagger = {"200": {"description": "This document", "content": {"application/json": {"schema": {"type": "object"}}}}}
    return _paths(score, health, swagger)


def _score(operation: Document) -> Document:
    return {"operationId": "RunMLService", "summary": "Score", "security": [{"Bearer": []}]} | operation


def _paths(score: Document, health: Document, swagger: Document) -> Document:
    return {
        "/": {"get": {"operationId": "ServiceHealthCheck", "summary": "Health", "responses": health}},
        "/score": {"post": score},
        "/swagger.json": {
            "get": {
                "operationId": "GetSwaggerSpec",
                "summary": "OpenAPI",
                "security": [{"Bearer": []}],
                "responses": swagger,
            }
        },
    }
