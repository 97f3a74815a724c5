"""The deployment config: how much of a machine a service gets. Pure: checks what was given, adds defaults.

{"cpu": cores, "memory_gb": GB, "processes": n or null (chosen from the cores), "auth": bool (keys),
"token_auth": true or left out, "grpc": bool,
"environment_variables": {}, "start_deadline_seconds": s, "scoring_timeout_seconds": s, "max_body_mb": MB,
"server": {what server_options.py checks; left out when nothing is chosen}}
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, Literal, Protocol

from deployments.config import server_options
from deployments.errors import BadDeploymentConfig

Credential = Literal["key", "token", ""]


class Needs(Protocol):
    """What a model version says it needs."""

    cpu: float | None
    memory_gb: float | None


# name: (lowest, highest, default); None as default means "may be left open"
RANGES: dict[str, tuple[float, float, float | None]] = {
    "cpu": (0.1, 256, 1),
    "memory_gb": (0.1, 4096, 1),
    "processes": (1, 64, None),
    "start_deadline_seconds": (1, 3600, 300),
    "scoring_timeout_seconds": (0.1, 300, 60),
    "max_body_mb": (1, 1000, 100),
}
WHOLE = frozenset({"processes", "start_deadline_seconds", "max_body_mb"})
NAMES = (*RANGES, "auth", "token_auth", "grpc", "environment_variables", "server")
MAX_VARIABLES = 100
MAX_VALUE = 8192  # characters of one variable
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
RESERVED = re.compile(r"(SLIPWAY_|AZUREML_MODEL_DIR\Z|PYTHONPATH\Z|PYTHONHOME\Z|LD_PRELOAD\Z)")


def complete(given: dict[str, Any] | None, versions: Iterable[Needs], *, start_deadline: int) -> dict[str, Any]:
    """A whole, checked config. What is not given comes from the versions' needs, then from the defaults.

    Raises `BadDeploymentConfig`, which names the field.
    """
    given = {name: value for name, value in (given or {}).items() if value is not None}
    unknown = sorted(set(given) - set(NAMES))
    if unknown:
        raise BadDeploymentConfig(
            f"The deployment config has no field '{unknown[0]}'.",
            hint=f"It knows {', '.join(NAMES)}.",
            field=unknown[0],
        )
    defaults = _needs(versions) | {"start_deadline_seconds": start_deadline}
    config: dict[str, Any] = {name: _number(name, given.get(name, defaults.get(name))) for name in RANGES}
    config |= _access(given) | {
        "grpc": _flag("grpc", given.get("grpc", False)),
        "environment_variables": _variables(given.get("environment_variables", {})),
    }
    server = server_options.checked(given.get("server", {}))
    return config | ({"server": server} if server else {})


def credential_of(config: dict[str, Any]) -> Credential:
    """What callers must show: a key, a token, or nothing."""
    if config.get("token_auth"):
        return "token"
    return "key" if config.get("auth", True) else ""


def _access(given: dict[str, Any]) -> dict[str, bool]:
    """`auth` is about keys: who chooses tokens has chosen against them."""
    tokens = _flag("token_auth", given.get("token_auth", False))
    keys = _flag("auth", given.get("auth", not tokens))
    if tokens and keys:
        raise BadDeploymentConfig(
            "A service takes keys or tokens, never both.",
            hint="Leave auth out, or set it to false: tokens take the place of keys.",
            field="token_auth",
        )
    return {"auth": keys} | ({"token_auth": True} if tokens else {})


def _needs(versions: Iterable[Needs]) -> dict[str, float]:
    """Several models in one service need the memory of all, and the cores of the hungriest."""
    found = list(versions)
    cpu = max((version.cpu or 0 for version in found), default=0)
    memory = sum(version.memory_gb or 0 for version in found)
    return ({"cpu": cpu} if cpu else {}) | ({"memory_gb": memory} if memory else {})


def _number(name: str, value: Any) -> float | int | None:
    low, high, default = RANGES[name]
    if value is None:
        value = default
    if value is None:
        return None
    kind: Callable[[Any], float | int] = int if name in WHOLE else float
    if isinstance(value, bool) or not isinstance(value, (int, float)) or kind(value) != value:
        raise BadDeploymentConfig(f"{name} must be a{' whole' if name in WHOLE else ''} number.", field=name)
    if not low <= value <= high:
        raise BadDeploymentConfig(f"{name} must lie between {low:g} and {high:g}; it is {value:g}.", field=name)
    return kind(value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadDeploymentConfig(f"{name} must be true or false.", field=name)
    return value


def _variables(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _variable("environment_variables must be an object of names and texts.")
    if len(value) > MAX_VARIABLES:
        raise _variable(f"At most {MAX_VARIABLES} environment variables can be set.")
    return {_variable_name(name): _variable_value(name, text) for name, text in value.items()}


def _variable_name(name: Any) -> str:
    if not isinstance(name, str) or not VARIABLE.match(name):
        raise _variable(f"'{name}' is no name for an environment variable: use letters, digits and '_'.")
    if RESERVED.match(name):
        raise _variable(f"The environment variable {name} is set by Slipway itself.")
    return name


def _variable_value(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_VALUE or "\0" in value:
        raise _variable(f"The value of {name} must be a text of at most {MAX_VALUE} characters.")
    return value


def _variable(message: str) -> BadDeploymentConfig:
    return BadDeploymentConfig(message, field="environment_variables")
