"""Values of options on their way between a deployment config and people, who read and type them in their own units."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

from deployments.config import options
from deployments.config.options import Option

SERVER = "server"
PARTS = ("batching", "collect", "warm_up")  # objects below `server`


class Contradiction(Exception):
    """An option has two values; the message names it."""


def unpack(config: dict[str, Any], wanted: Callable[[Option], bool]) -> tuple[list[tuple[Option, Any]], dict[str, Any]]:
    """The wanted options that a config chooses, with values for people; and what else stands under `server`."""
    rest = deepcopy(config)
    server = rest.setdefault(SERVER, {})
    if "collect" in server:
        server["collect"] = {"fraction": 1.0} | server["collect"]  # collection that is on, with its defaults
    found = [(one, value) for one in options.OPTIONS if wanted(one) and (value := _take(one, rest)) is not None]
    return found, {name: value for name, value in server.items() if value != {}}


def pack(values: Iterable[tuple[Option, Any]], server: dict[str, Any]) -> dict[str, Any]:
    """The config that the values choose beside the options in `server`. Raises `Contradiction`."""
    config: dict[str, Any] = {SERVER: deepcopy(server)}
    for option, value in values:
        _put(option, config, option.stored(value))
    return {name: value for name, value in config.items() if value != {}}


def _take(option: Option, config: dict[str, Any]) -> Any:
    """The option's value, taken out of the config; None where it is not chosen, or cannot be told in its unit."""
    *parts, name = option.path
    for part in parts:
        config = config.get(part) or {}
    value = option.for_people(config.get(name))
    if value is not None:
        del config[name]
    return value


def _put(option: Option, config: dict[str, Any], value: Any) -> None:
    *parts, name = option.path
    for part in parts:
        config = config.setdefault(part, {})
    if config.setdefault(name, value) != value:
        raise Contradiction(".".join(option.path[1:]))
