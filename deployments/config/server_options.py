"""Options of the scoring server, under "server" in a deployment config: checked, and written as they are stored.

Pure; `scoring.contract.ServerOptions` says what there is.
"""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from deployments.config import options
from deployments.config.option_checks import check_words
from deployments.errors import BadDeploymentConfig
from scoring.contract import ServerOptions

FIELD = "server"
MOST_SAMPLE_BYTES = 1024**2  # of a warm-up's body: it is kept with every revision and shown with the service
OFF = {field.name for field in msgspec.structs.fields(ServerOptions) if field.default is None}  # {} turns these on


def checked(given: Any) -> ServerOptions:
    """The options. Raises `BadDeploymentConfig`, which names the option."""
    if not isinstance(given, dict):
        raise BadDeploymentConfig("server must be an object of options.", field=FIELD)
    for name, known in _unknown(given, ServerOptions):
        raise BadDeploymentConfig(
            f"The server has no option '{name}'.", hint=f"It knows {', '.join(known)}.", field=FIELD
        )
    try:
        chosen = msgspec.convert(given, ServerOptions)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        raise BadDeploymentConfig(f"server.{where.rstrip('`')}: {what}.", field=FIELD) from error
    if chosen.warm_up is not None:
        _check_sample(chosen.warm_up.body)
    for option in options.OPTIONS:
        if option.kind == "words" and option.path[0] == FIELD:
            check_words(option, getattr(chosen, option.path[1]))
    return chosen


def to_json(chosen: ServerOptions) -> dict[str, Any]:
    """What differs from the defaults; an option that is off by default is on even where its object is empty."""
    found: dict[str, Any] = msgspec.to_builtins(chosen)
    return {name: value for name, value in found.items() if value != {} or name in OFF}


def _check_sample(body: Any) -> None:
    """It must be JSON for whoever keeps or reads it, and no more than anybody wants to look at."""
    try:
        json.dumps(body, allow_nan=False)  # orjson writes NaN as null
        sample = orjson.dumps(body)  # as the recipe's hash needs it
    except (ValueError, TypeError, RecursionError) as error:
        raise BadDeploymentConfig(f"server.warm_up.body is no JSON: {error}.", field=FIELD) from error
    if b"\\u0000" in sample:
        raise BadDeploymentConfig("server.warm_up.body has the character NUL, which cannot be kept.", field=FIELD)
    if len(sample) > MOST_SAMPLE_BYTES:
        raise BadDeploymentConfig(
            f"server.warm_up.body has {len(sample)} bytes; it may have {MOST_SAMPLE_BYTES}.",
            hint="Take a smaller request: a single row is enough.",
            field=FIELD,
        )


def _unknown(given: dict[str, Any], kind: Any) -> Iterator[tuple[str, list[str]]]:
    """Names that `kind` does not have, each with those that it has, also within its parts."""
    known = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for name, value in given.items():
        if name not in known:
            yield name, list(known)
        elif isinstance(value, dict):
            for part in _structs(known[name]):
                yield from ((f"{name}.{inner}", there) for inner, there in _unknown(value, part))


def _structs(kind: Any) -> list[Any]:
    options = getattr(kind, "__args__", (kind,))
    return [one for one in options if isinstance(one, type) and issubclass(one, msgspec.Struct)]
