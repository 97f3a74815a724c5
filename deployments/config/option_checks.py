"""Check one value of an option against the table. Pure."""

import re
from collections.abc import Callable
from typing import Any

from deployments.config.options import Kind, Option
from deployments.errors import BadDeploymentConfig

MAX_VARIABLES = 100
MAX_VALUE = 8192  # characters of one variable
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
# What Slipway sets, and what makes the loader or the interpreter load other code than the bundle's.
RESERVED = re.compile(r"(SLIPWAY_|LD_|DYLD_|(AZUREML_MODEL_DIR|PATH|HOME|PYTHONPATH|PYTHONHOME|PYTHONSAFEPATH)\Z)")


def check(option: Option, value: Any) -> Any:
    """The value as it is stored. Raises `BadDeploymentConfig`, which names the option."""
    return None if value is None else CHECKS[option.kind](option, value)


def check_words(option: Option, words: list[str]) -> None:
    """Each of several words against the option's choices or pattern. Raises `BadDeploymentConfig`."""
    for word in words:
        if problem := word_problem(option, word):
            raise BadDeploymentConfig(f"{option.name}: {problem}", field=option.path[0])


def word_problem(option: Option, word: str) -> str:
    """Why the option does not take the word; empty where it does."""
    if option.choices and word not in option.choices:
        return f"'{word[:100]}' is not one of {', '.join(option.choices)}."
    if option.pattern and not re.fullmatch(option.pattern, word):
        return f"'{word[:100]}' does not fit. Write it as {option.example}."
    return ""


def _number(option: Option, value: Any) -> float | int:
    whole = option.kind == "whole"
    kind: Callable[[Any], float | int] = int if whole else float
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not _is(value, kind):
        raise BadDeploymentConfig(f"{option.name} must be a{' whole' if whole else ''} number.", field=option.path[0])
    low, high = option.low, option.high
    if (low is not None and value < low) or (high is not None and value > high):
        raise BadDeploymentConfig(
            f"{option.name} must lie between {low:g} and {high:g}; it is {value!s:.40}.", field=option.path[0]
        )
    return kind(value)


def _is(value: float, kind: Callable[[Any], float | int]) -> bool:
    """Whether the number is one of that kind; infinite and undefined ones are of none."""
    try:
        return kind(value) == value
    except (ValueError, OverflowError):
        return False


def _switch(option: Option, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadDeploymentConfig(f"{option.name} must be true or false.", field=option.path[0])
    return value


def _choice(option: Option, value: Any) -> str:
    if value not in option.choices:
        raise BadDeploymentConfig(f"{option.name} must be one of {', '.join(option.choices)}.", field=option.path[0])
    return str(value)


def _variables(option: Option, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _variable("environment_variables must be an object of names and texts.")
    if len(value) > MAX_VARIABLES:
        raise _variable(f"At most {MAX_VARIABLES} environment variables can be set.")
    return {_variable_name(name): _variable_value(name, text) for name, text in value.items()}


def _variable_name(name: Any) -> str:
    if not isinstance(name, str) or not VARIABLE.match(name):
        raise _variable(f"'{name}' is no name for an environment variable: use letters, digits and '_'.")
    if RESERVED.match(name):
        raise _variable(
            f"The environment variable {name} cannot be chosen: Slipway sets it, or keeps it from being set."
        )
    return name


def _variable_value(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_VALUE or "\0" in value:
        raise _variable(f"The value of {name} must be a text of at most {MAX_VALUE} characters.")
    return value


def _variable(message: str) -> BadDeploymentConfig:
    return BadDeploymentConfig(message, field="environment_variables")


CHECKS: dict[Kind, Callable[[Option, Any], Any]] = {
    "number": _number,
    "whole": _number,
    "switch": _switch,
    "choice": _choice,
    "variables": _variables,
}
