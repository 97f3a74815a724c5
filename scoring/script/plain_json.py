"""JSON of what a script returns."""

import json
from typing import Any

import orjson

from scoring.core.errors import ScoringError


def encode_json(value: Any) -> bytes:
    """JSON; None is {}. 500 that names the type JSON cannot carry."""
    if value is None:
        return b"{}"
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, RecursionError):
        return encode_leniently(value)


def encode_leniently(value: Any) -> bytes:
    """JSON by the standard encoder, which takes huge integers, unpaired surrogates and float64s, too."""
    try:
        text = json.dumps(value, default=_refuse)
        if "NaN" in text or "Infinity" in text:  # numbers that JSON lacks become null, as the fast one has it
            text = json.dumps(json.loads(text, parse_constant=lambda _: None))
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        message = f"run() returned something that JSON cannot carry, of type {_type_name(value)}: {error}"
        raise ScoringError(500, "not_serialisable", message, failed=True) from error


def _refuse(value: Any) -> Any:
    hint = "; call .tolist() on it" if type(value).__module__.split(".")[0] in ("numpy", "pandas") else ""
    raise TypeError(f"it holds a {_type_name(value)}{hint}")


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
