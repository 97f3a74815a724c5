"""Check one value of an option against the table. Pure."""

import re
from collections.abc import Callable
from typing import Any

from deployments.config.options import Kind, Option
from deployments.errors import BadDeploymentConfig
from studio.core import process_variables


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
    return process_variables.check(value, _variable)


def _variable(message: str) -> BadDeploymentConfig:
    return BadDeploymentConfig(message, field="environment_variables")


CHECKS: dict[Kind, Callable[[Option, Any], Any]] = {
    "number": _number,
    "whole": _number,
    "switch": _switch,
    "choice": _choice,
    "variables": _variables,
}
