"""Pure: tags, properties and resource needs as people write them, checked."""

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from studio.core.errors import BadInput, Conflict

MAX_KEY, MAX_VALUE, MAX_PROPERTY = 100, 256, 1000  # characters
MAX_TAGS, MAX_PROPERTIES = 100, 200
_KEY = re.compile(r"^\w[\w./:-]*\Z")
Scalar = str | int | float | bool


def read_tags(given: Mapping[str, Any] | Iterable[str]) -> dict[str, str]:
    """{'area': 'vision'} from that or from ['area=vision']; spaces around '=' do not count.

    Raises `BadInput` naming a tag without '=', a key given twice, or a key or value that cannot be kept.
    """
    pairs = list(given.items()) if isinstance(given, Mapping) else [_pair(text) for text in given]
    tags: dict[str, str] = {}
    for key, value in pairs:
        name = read_key(key, "tags")
        if name in tags:
            raise BadInput(f"The tag '{name}' is given twice.", hint="A key has one value.", field="tags")
        tags[name] = _text(name, value, MAX_VALUE, "tags")
    if len(tags) > MAX_TAGS:
        raise BadInput(f"A version may have at most {MAX_TAGS} tags.", field="tags")
    return tags


def read_properties(given: Mapping[str, Any]) -> dict[str, Scalar]:
    """Properties with checked keys; values are texts, numbers or true and false."""
    if len(given) > MAX_PROPERTIES:
        raise BadInput(f"A version may have at most {MAX_PROPERTIES} properties.", field="properties")
    return {read_key(key, "properties"): _scalar(key, value) for key, value in given.items()}


def extended(existing: Mapping[str, Scalar], added: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Both together; `Conflict` when `added` would change a property: they are append-only."""
    for key, value in added.items():
        if key in existing and existing[key] != value:
            raise Conflict(
                f"The property '{key}' is already '{existing[key]}' and never changes.",
                hint="Use a tag for what changes, or register a new version.",
                code="property_fixed",
                field="properties",
            )
    together = {**existing, **added}
    if len(together) > MAX_PROPERTIES:
        raise BadInput(f"A version may have at most {MAX_PROPERTIES} properties.", field="properties")
    return together


def read_key(key: Any, field: str) -> str:
    """A key of a tag or property: a word of letters, digits and '_ . - / :'."""
    text = normal(str(key))
    if not _KEY.match(text) or len(text) > MAX_KEY:
        raise BadInput(
            f"'{text[:40]}' cannot be a key.",
            hint=f"Use letters, digits and '_ . - / :', at most {MAX_KEY}, beginning with a letter, digit or '_'.",
            field=field,
        )
    return text


def read_amount(value: float | None, field: str, *, most: float) -> float | None:
    """A resource need: more than nothing, and no more than `most`; None is 'not said'."""
    if value is None:
        return None
    if not math.isfinite(value) or not 0 < value <= most:
        raise BadInput(f"{field} must be more than 0 and at most {most:g}, not {value:g}.", field=field)
    return float(value)


def normal(text: str) -> str:
    """Keys and values as they are kept, and therefore looked for: composed letters, no space around."""
    return unicodedata.normalize("NFC", text).strip()


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise BadInput(f"The tag '{text[:80]}' has no '='.", hint="Write it as key=value: area=vision.", field="tags")
    return key, value


def _text(key: str, value: Any, most: int, field: str) -> str:
    if not isinstance(value, str | int | float):
        raise BadInput(f"The value of '{key}' must be a text.", field=field)
    text = normal(_spelled(value))
    if len(text) > most:
        raise BadInput(f"The value of '{key}' has {len(text)} characters; at most {most} are kept.", field=field)
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise BadInput(f"The value of '{key}' contains control characters.", field=field)
    return text


def _spelled(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _scalar(key: str, value: Any) -> Scalar:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return _text(str(key)[:MAX_KEY], value if isinstance(value, str) else None, MAX_PROPERTY, "properties")
