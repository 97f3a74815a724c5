"""Deployment configs: completed and checked when they are given, read from revisions, turned into limits.

Stored is JSON: the fields of `DeploymentConfig`, those that came later only where they differ from their defaults, and
under `server` what differs from the scoring server's defaults.
"""

from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from deployments.config import options, scaling, server_options
from deployments.config.option_checks import check
from deployments.config.options import DeploymentConfig
from deployments.errors import BadDeploymentConfig

SERVER = "server"
DEBUG_SECONDS = 3600.0  # that a request may take under a debugger


class Needs(Protocol):
    """What a model version says it needs."""

    cpu: float | None
    memory_gb: float | None


class HoldsConfig(Protocol):
    """A revision."""

    deployment_config: dict[str, Any]


def complete(given: dict[str, Any] | None, versions: Iterable[Needs] = ()) -> DeploymentConfig:
    """A whole, checked config. What is not given comes from the versions' needs, then from the defaults.

    Raises `BadDeploymentConfig`, which names the field.
    """
    given = {name: value for name, value in (given or {}).items() if value is not None}
    own = {option.name: option for option in options.OPTIONS if option.path[0] != SERVER}
    _refuse_unknown(given, [*own, SERVER])
    chosen = _needs(versions) | given
    values = {name: check(one, chosen[name]) for name, one in own.items() if name in chosen}
    values |= _access(values)
    scaling.check(values)
    return options.DeploymentConfig(**values, server=server_options.checked(given.get(SERVER, {})))


def read(stored: dict[str, Any]) -> DeploymentConfig:
    """The config that a revision holds; what it does not name, because it is older than the option, has its default."""
    return msgspec.convert(stored, options.DeploymentConfig)


def config_of(revision: HoldsConfig | None) -> DeploymentConfig:
    """The revision's config; the defaults where there is no revision yet."""
    return read(revision.deployment_config if revision else {})


def to_json(config: DeploymentConfig) -> dict[str, Any]:
    """What is stored with a revision. Options that came later are left out at their defaults: an equal config has the
    same hash as before."""
    own = [one for one in options.OPTIONS if one.path[0] != SERVER]
    values = {one.name: getattr(config, one.name) for one in own}
    values = {one.name: values[one.name] for one in own if not one.came_later or values[one.name] != one.default}
    server = server_options.to_json(config.server)
    return values | ({SERVER: server} if server else {})


def limits_of(config: DeploymentConfig) -> dict[str, Any]:
    """The config as fields of the specification, in its units: bytes instead of gigabytes."""
    limits = {one.spec: _limit(one, getattr(config, one.name)) for one in options.OPTIONS if one.spec}
    server = server_options.to_json(config.server)
    if config.queue_wait_seconds is not None:
        server.setdefault("queue_wait_seconds", config.queue_wait_seconds)  # also for calls that bypass the front
    if config.debug_port:  # whoever looks at a breakpoint takes their time, and looks at one process
        limits |= {"processes": 1, "scoring_timeout_seconds": DEBUG_SECONDS}
    return limits | {"auth": config.credential != "", SERVER: server}


def _limit(option: options.Option, value: Any) -> Any:
    return None if value is None else option.convert(value)


def _refuse_unknown(given: dict[str, Any], known: list[str]) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise BadDeploymentConfig(
            f"The deployment config has no field '{unknown[0]}'.",
            hint=f"It knows {', '.join(known)}.",
            field=unknown[0],
        )


def _access(values: dict[str, Any]) -> dict[str, bool]:
    """`auth` is about keys: who chooses tokens has chosen against them."""
    tokens = values.get("token_auth", False)
    keys = values.get("auth", not tokens)
    if tokens and keys:
        raise BadDeploymentConfig(
            "A service takes keys or tokens, never both.",
            hint="Leave auth out, or set it to false: tokens take the place of keys.",
            field="token_auth",
        )
    return {"auth": keys, "token_auth": tokens}


def _needs(versions: Iterable[Needs]) -> dict[str, float]:
    """Several models in one service need the memory of all, and the cores of the hungriest."""
    found = list(versions)
    cpu = max((version.cpu or 0 for version in found), default=0)
    memory = sum(version.memory_gb or 0 for version in found)
    return ({"cpu": cpu} if cpu else {}) | ({"memory_gb": memory} if memory else {})
