"""Serializers for what REST takes: a field that nobody would read is refused, and the answer says where it belongs."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from rest_framework import serializers

from studio.core.errors import BadInput

CODE = "unknown_field"
SHOWN = 100  # characters of a name that errors repeat


class StrictFields:
    """Mix in before a serializer class that reads a body."""

    fields: Any

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            self._refuse_unknown(data)
        return super().to_internal_value(data)  # type: ignore[misc]

    def _refuse_unknown(self, data: Mapping[Any, Any]) -> None:
        taken = [name for name, field in self.fields.items() if not field.read_only]
        unknown = next((str(name) for name in data if name not in taken), None)
        if unknown is not None:
            hint = _read_only(self.fields, unknown) or _place(self.fields, unknown) or _alternatives(unknown, taken)
            raise BadInput(f"There is no field '{unknown[:SHOWN]}' here.", hint=hint, field=unknown[:SHOWN], code=CODE)


class StrictSerializer(StrictFields, serializers.Serializer[Any]):
    """A plain serializer that refuses unknown fields."""


def refuse_fields(data: Any) -> None:
    """Raises `BadInput` for a body with fields at an address that takes none."""
    if isinstance(data, Mapping) and data:
        name = str(next(iter(data)))[:SHOWN]
        hint = "This address takes no fields: leave the body out."
        raise BadInput(f"There is no field '{name}' here.", hint=hint, field=name, code=CODE)


def _read_only(fields: Mapping[str, Any], name: str) -> str:
    return "It is set by the studio; leave it out." if name in fields else ""


def _place(fields: Mapping[str, Any], name: str) -> str:
    """Which field holds one of that name; empty where none does."""
    for outer, field in fields.items():
        for path in _paths(field):
            if path[-1] == name:
                return f"It belongs into {'.'.join((outer, *path[:-1]))}."
    return ""


def _paths(field: Any) -> Iterator[tuple[str, ...]]:
    """The paths of all names within a field. Fields that are no serializers may say theirs in `paths`."""
    if isinstance(field, serializers.Serializer):
        yield from ((name,) for name, inner in field.fields.items() if not inner.read_only)
    yield from getattr(field, "paths", ())


def _alternatives(name: str, taken: list[str]) -> str:
    if close := get_close_matches(name, taken, n=1):
        return f"Did you mean {close[0]}?"
    return f"It knows {', '.join(taken)}." if taken else ""
