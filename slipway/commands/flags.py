"""Flags that come from a table: `with_flags` adds them to a command, which gets their values as one dictionary."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any

import typer

from slipway.commands.options import key_values


@dataclass(frozen=True, kw_only=True)
class Flag:
    """One flag. `path`: the keys its value gets; `scale`: how much of the studio's unit one of the flag's is."""

    path: tuple[str, ...]
    flags: tuple[str, ...]
    type: type
    help: str
    scale: float = 1

    @property
    def parameter(self) -> str:
        return "_".join(self.path)


def with_flags(table: Iterable[Flag], into: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the flags to a command; what is given of them is passed as the keyword argument `into`."""
    flags = list(table)

    def add(command: Callable[..., None]) -> Callable[..., None]:
        own = [one for one in inspect.signature(command, eval_str=True).parameters.values() if one.name != into]

        @wraps(command)
        def run(**given: Any) -> None:
            values = {flag: given.pop(flag.parameter) for flag in flags}
            command(**given, **{into: _nested(values)})

        signature = inspect.Signature([*own, *(_parameter(flag) for flag in flags)])
        run.__signature__ = signature  # type: ignore[attr-defined]  # typer reads it
        run.__annotations__ = {one.name: one.annotation for one in signature.parameters.values()}
        return run

    return add


def _parameter(flag: Flag) -> inspect.Parameter:
    kind = Annotated[flag.type | None, typer.Option(*flag.flags, help=flag.help)]  # type: ignore[name-defined]
    return inspect.Parameter(flag.parameter, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


def _nested(values: dict[Flag, Any]) -> dict[str, Any]:
    """What was given, each value at its flag's path and in the studio's unit."""
    found: dict[str, Any] = {}
    for flag, value in values.items():
        if value in (None, []):
            continue
        place = found
        for part in flag.path[:-1]:
            place = place.setdefault(part, {})
        place[flag.path[-1]] = _converted(flag, value)
    return found


def _converted(flag: Flag, value: Any) -> Any:
    if flag.path == ("environment_variables",):
        return key_values(value, "Variable")
    if flag.scale == 1:
        return value
    scaled = round(value * flag.scale, 9)  # without what changing units leaves in the last digits
    return int(scaled) if scaled == int(scaled) else scaled
