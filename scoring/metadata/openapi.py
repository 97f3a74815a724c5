"""The service described as OpenAPI 2 (Azure's default), 3.0 and 3.1: its addresses, and what goes over them."""

from typing import Protocol
from urllib.parse import quote

from scoring.core.errors import ScoringError
from scoring.engine.engine import Engine, Served
from scoring.metadata.openapi_schemas import Document, body_types, schema_names, schemas_of, score_schemas

INFO_VERSION = "1.0"
JSON = "application/json"
SECURED: list[dict[str, list[str]]] = [{"Bearer": []}]
ERRORS: Document = {
    "ErrorResponse": {"type": "object", "properties": {"message": {"type": "string"}, "code": {"type": "string"}}},
    "InferenceError": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}},
}


class Dialect(Protocol):
    """What differs between the versions of OpenAPI."""

    def takes(self, schema: str, more: Document) -> Document:
        """The part of an operation about its body; `more` are other content types with their schemas."""

    def gives(self, description: str, schema: str | Document, content_type: str = JSON) -> Document:
        """A response; a schema is given as it is or by its name."""

    def document(self, info: Document, paths: Document, schemas: Document) -> Document:
        """The whole document."""


class Swagger2:
    """OpenAPI 2, called Swagger."""

    def takes(self, schema: str, more: Document) -> Document:
        body = {"name": "serviceInputPayload", "in": "body", "schema": self._schema(schema)}
        return {"parameters": [body]}

    def gives(self, description: str, schema: str | Document, content_type: str = JSON) -> Document:
        return {"description": description, "schema": self._schema(schema)}

    def document(self, info: Document, paths: Document, schemas: Document) -> Document:
        return {
            "swagger": "2.0",
            "info": info,
            "schemes": ["http", "https"],
            "consumes": [JSON],
            "produces": [JSON],
            "securityDefinitions": {"Bearer": {"type": "apiKey", "name": "Authorization", "in": "header"}},
            "paths": paths,
            "definitions": schemas,
        }

    def _schema(self, schema: str | Document) -> Document:
        return {"$ref": f"#/definitions/{schema}"} if isinstance(schema, str) else schema


class OpenApi3:
    """OpenAPI 3.0 and 3.1."""

    def __init__(self, version: str) -> None:
        self._version = version

    def takes(self, schema: str, more: Document) -> Document:
        content = {JSON: {"schema": self._schema(schema)}} | {kind: {"schema": body} for kind, body in more.items()}
        return {"requestBody": {"required": True, "content": content}}

    def gives(self, description: str, schema: str | Document, content_type: str = JSON) -> Document:
        return {"description": description, "content": {content_type: {"schema": self._schema(schema)}}}

    def document(self, info: Document, paths: Document, schemas: Document) -> Document:
        security = {"Bearer": {"type": "http", "scheme": "bearer"}}
        components = {"schemas": schemas, "securitySchemes": security}
        return {"openapi": self._version, "info": info, "paths": paths, "components": components}

    def _schema(self, schema: str | Document) -> Document:
        return {"$ref": f"#/components/schemas/{schema}"} if isinstance(schema, str) else schema


DIALECTS: dict[str, Dialect] = {
    "2": Swagger2(),
    "3": OpenApi3("3.0.3"),
    "3.0": OpenApi3("3.0.3"),
    "3.1": OpenApi3("3.1.0"),
}


def describe(service: str, engine: Engine, version: str) -> Document:
    """The document for `?version=2|3|3.1`; 404 for any other."""
    dialect = DIALECTS.get(version)
    if dialect is None:
        raise ScoringError(404, "not_found", f"There is no swagger version {version}; there are 2, 3 and 3.1.")
    info = {"title": service, "version": INFO_VERSION, "description": f"Scores with {_models(engine)}."}
    models = [one for one in engine.served if one.is_model]
    paths, schemas = _general(dialect), ERRORS
    if len(models) < 2:  # with several models /score does not know which is meant
        paths["/score"] = {"post": _score(dialect, engine.default)}
        schemas = schemas | score_schemas(engine.default, version)
    for model in models:
        paths[_infer_path(engine, model)] = {"post": _infer(dialect, model)}
        schemas = schemas | schemas_of(model, version)
    return dialect.document(info, paths, schemas)


def _models(engine: Engine) -> str:
    return ", ".join(f"{one.name}:{one.version}" for one in engine.served) or "an entry script"


def _infer_path(engine: Engine, model: Served) -> str:
    """Without a version it is the highest that answers."""
    path = f"/v2/models/{quote(model.name, safe='')}"
    return f"{path}/infer" if engine.find(model.name) is model else f"{path}/versions/{model.version}/infer"


def _score(dialect: Dialect, served: Served) -> Document:
    return {
        "operationId": "RunMLService",
        "summary": "Score",
        "security": SECURED,
        **dialect.takes("ServiceInput", body_types(served)),
        "responses": {
            "200": dialect.gives("The prediction", "ServiceOutput"),
            "default": dialect.gives("What went wrong", "ErrorResponse"),
        },
    }


def _infer(dialect: Dialect, model: Served) -> Document:
    request, response = schema_names(model)
    return {
        "operationId": request.replace("InferenceRequest", "Infer"),
        "summary": f"Score with {model.name}:{model.version}, by the Open Inference Protocol",
        "security": SECURED,
        **dialect.takes(request, {}),
        "responses": {
            "200": dialect.gives("The prediction", response),
            "default": dialect.gives("What went wrong", "InferenceError"),
        },
    }


def _general(dialect: Dialect) -> Document:
    health = {"200": dialect.gives("The service is up", {"type": "string"}, "text/plain")}
    refused = dialect.gives("What went wrong", "ErrorResponse")
    swagger = {"200": dialect.gives("This document", {"type": "object"}), "default": refused}
    about = {"operationId": "GetSwaggerSpec", "summary": "OpenAPI", "security": SECURED, "responses": swagger}
    return {
        "/": {"get": {"operationId": "ServiceHealthCheck", "summary": "Health", "responses": health}},
        "/swagger.json": {"get": about},
    }
