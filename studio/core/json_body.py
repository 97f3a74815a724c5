"""The only form in which REST takes input: JSON that every part of the studio can keep."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import JSONParser

from studio.core.errors import BadInput, TooLarge

MAX_DEPTH = 64  # of lists and objects in one another


class StrictJSONParser(JSONParser):
    """JSON in UTF-8, UTF-16 or UTF-32. Raises `BadInput` and `TooLarge`, never anything else."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise TooLarge(f"A JSON body has at most {limit:,} bytes.", hint="Send files as uploads, in chunks.")
        return read_json(raw)


def read_json(raw: bytes) -> Any:
    """The value in `raw`. Raises `BadInput` for what is no JSON, or can be neither kept nor shown."""
    try:
        value = json.loads(raw, object_pairs_hook=_object, parse_float=_number, parse_constant=_no_number)
    except RecursionError as deep:
        raise _too_deep() from deep
    except UnicodeDecodeError as wrong:
        raise BadInput("The body is not text in UTF-8.", hint="Send JSON in UTF-8.", code="parse_error") from wrong
    except ValueError as wrong:
        raise BadInput(f"The body is not JSON: {str(wrong)[:300]}", hint="Send JSON.", code="parse_error") from wrong
    _check(value)
    return value


def _check(value: Any) -> None:
    """No text that cannot be kept, nothing nested too deeply."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [inner for each in level for inner in _inner(each)]
        if not level:
            return
    raise _too_deep()


def _inner(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    if isinstance(value, str):
        _check_text(value)
    return value if isinstance(value, list) else ()


def _check_text(text: str) -> None:
    if "\0" in text:
        raise BadInput("A text in the body holds a NUL character.", code="null_characters_not_allowed")
    try:
        text.encode()
    except UnicodeEncodeError as half:
        raise BadInput("A text in the body holds half of a surrogate pair.", code="surrogate_not_allowed") from half


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"{twice[:100]!r} is given twice in one object")
    return found


def _number(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise ValueError(f"{text[:40]} is too large for a number")
    return number


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a number in JSON")


def _too_deep() -> BadInput:
    return BadInput(f"The body is nested more than {MAX_DEPTH} deep.", hint="Send flatter JSON.", code="parse_error")
