"""Output of programs in a form that every database stores: PostgreSQL refuses NUL and lone surrogates."""

from collections.abc import Mapping
from typing import Any


def storable_text(text: str) -> str:
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def storable(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object `facts` with storable texts, however deep they lie."""
    return {storable_text(name): _storable_value(value) for name, value in facts.items()}


def _storable_value(value: Any) -> Any:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, Mapping):
        return storable(value)
    if isinstance(value, list | tuple):
        return [_storable_value(each) for each in value]
    return value
