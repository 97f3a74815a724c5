"""A deployment config in REST: checked when the service is deployed, described in OpenAPI by the table of options."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers

from deployments.config import options
from deployments.config.options import Option

DESCRIPTION = "What is left out gets its default. Azure's deploymentconfig.json (with computeType) is accepted too."


class DeploymentConfigField(serializers.DictField):
    """An object of options. What is left out gets its default."""

    paths = tuple(option.path for option in options.OPTIONS)  # for the hint of an option that stands beside it


class DeploymentConfigSchema(OpenApiSerializerFieldExtension):
    """drf-spectacular finds it once this module is loaded."""

    target_class = DeploymentConfigField

    def get_name(self) -> str:
        return "DeploymentConfig"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return schema()


def schema() -> dict[str, Any]:
    """JSON schema of a deployment config."""
    root = _object(DESCRIPTION)
    for option in options.OPTIONS:
        *parts, name = option.path
        place = root
        for part in parts:
            place = place["properties"].setdefault(part, _object())
        place["properties"][name] = _property(option)
    return root


def _object(description: str = "") -> dict[str, Any]:
    return {"type": "object", "properties": {}} | ({"description": description} if description else {})


def _property(option: Option) -> dict[str, Any]:
    facts = {
        "description": option.summary(unit=option.scale == 1),
        "minimum": option.low,
        "maximum": option.high,
        "default": option.default,
    }
    return _type(option) | {name: value for name, value in facts.items() if value is not None}


def _type(option: Option) -> dict[str, Any]:
    match option.kind:
        case "number" | "whole":
            return {"type": "number" if option.kind == "number" else "integer", "nullable": True}
        case "switch":
            return {"type": "boolean"}
        case "choice":
            return {"type": "string", "enum": list(option.choices)}
        case "words":
            words: dict[str, Any] = {"type": "string"} | ({"enum": list(option.choices)} if option.choices else {})
            return {"type": "array", "items": words}
        case "variables":
            return {"type": "object", "additionalProperties": {"type": "string"}}
    return {}
