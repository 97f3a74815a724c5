"""Environment variables that people set for processes of theirs: which names and values can be. Pure."""

import re
from collections.abc import Callable
from typing import Any

from studio.core.errors import SlipwayError

MAX_VARIABLES = 100
MAX_VALUE = 8192  # characters of one variable
HIDDEN = "•••"  # in place of a value, for people who may not change it
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
# What Slipway sets, and what makes the loader or the interpreter load other code than the bundle's.
RESERVED = re.compile(r"(SLIPWAY_|LD_|DYLD_|(AZUREML_MODEL_DIR|PATH|HOME|PYTHONPATH|PYTHONHOME|PYTHONSAFEPATH)\Z)")

Failure = Callable[[str], SlipwayError]


def check(given: Any, failure: Failure, *, field: str = "environment_variables") -> dict[str, str]:
    """The variables by name. Raises what `failure` makes of a sentence; `field` is what they are called in it."""
    if not isinstance(given, dict):
        raise failure(f"{field} must be an object of names and texts.")
    if len(given) > MAX_VARIABLES:
        raise failure(f"At most {MAX_VARIABLES} environment variables can be set.")
    return {_name(name, failure): _value(name, text, failure) for name, text in given.items()}


def _name(name: Any, failure: Failure) -> str:
    if not isinstance(name, str) or not NAME.match(name):
        raise failure(f"'{str(name)[:200]}' is no name for an environment variable: use letters, digits and '_'.")
    if RESERVED.match(name):
        raise failure(f"The environment variable {name} cannot be chosen: Slipway sets it, or keeps it from being set.")
    return name


def _value(name: str, value: Any, failure: Failure) -> str:
    if not isinstance(value, str) or len(value) > MAX_VALUE or "\0" in value:
        raise failure(f"The value of {name} must be a text of at most {MAX_VALUE} characters.")
    return value
