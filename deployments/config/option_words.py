"""A deployment config in words, for pages."""

import json
from typing import Any

from deployments.config import options
from deployments.config.deployment_config import read
from deployments.config.option_values import SERVER, unpack
from deployments.config.options import Credential, Option

CREDENTIALS: dict[Credential, str] = {"key": "a key", "token": "a token", "": "nothing"}
APART = {"auth", "token_auth", "environment_variables"}  # told together as what calls need, and in a list of their own
MAX_SHOWN = 300  # characters of an option: a warm-up's body may be long


def in_words(stored: dict[str, Any]) -> list[tuple[str, str]]:
    """Every option of the studio, and those of the server that differ from their defaults, as label and value."""
    config = read(stored)
    own = [one for one in options.OPTIONS if one.path[0] != SERVER and one.name not in APART]
    rows = [(one.short or one.label, _in_words(one, getattr(config, one.name))) for one in own]
    chosen, _ = unpack(stored, lambda one: one.path[0] == SERVER)
    server = [(one.label, _in_words(one, one.stored(value))) for one, value in chosen]
    return [*rows, ("Calls need", CREDENTIALS[config.credential]), *server]


def _in_words(option: Option, value: Any) -> str:
    if value is None:
        return "automatic"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value)
    if option.kind in {"whole", "number"}:
        return _amount(option, value)
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


def _amount(option: Option, value: float) -> str:
    """A number in its unit: `1 core`, `2 cores`, `5 ms`."""
    shown = options.tidy(value / option.scale)
    unit = option.unit.removesuffix("s") if shown == 1 and len(option.unit) > 2 else option.unit
    return f"{shown:,} {unit}".strip()
