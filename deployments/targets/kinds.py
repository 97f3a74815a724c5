"""Kinds of targets. Each is a folder of this package that registers itself: settings declared once, and how to make
its driver. Form, REST, command line and documentation read the declaration."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from deployments.engines import EngineAddress
from deployments.targets.base import Driver, TargetRef
from studio.core.errors import BadInput, NotFound

TYPES: dict[str, type] = {"text": str, "integer": int, "number": float, "boolean": bool}


@dataclass(frozen=True)
class Setting:
    """One setting of a target of some kind. A secret one is only ever kept encrypted and never shown. `lines`: its text
    has several."""

    name: str
    label: str
    type: Literal["text", "integer", "number", "boolean"] = "text"
    help: str = ""
    default: Any = None
    secret: bool = False
    lines: bool = False


@dataclass(frozen=True)
class TargetKind:
    """`make` gives the driver of one target. `needs_ports`: its services answer at numbered ports of this machine,
    which the studio hands out. `needs_images`: it runs images; `engine` tells by a target's settings which engine has
    them, None: the one that the studio builds on. `needs_parts`: it runs what is packed for devices. `can_debug`: a
    debugger can attach to what runs there. `validate` raises `BadInput` for settings that cannot be."""

    name: str
    title: str
    make: Callable[[TargetRef], Driver]
    settings: tuple[Setting, ...] = ()
    needs_ports: bool = False
    needs_images: bool = False
    needs_parts: bool = False
    can_debug: bool = False
    keeps_windows: bool = False
    engine: Callable[[Mapping[str, Any]], EngineAddress] | None = None
    validate: Callable[[Mapping[str, Any]], object] = lambda settings: None

    def complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All settings, defaults filled in. Raises `BadInput` for an unknown one, a value of the wrong type, and what
        the kind says cannot be."""
        declared = {setting.name: setting for setting in self.settings}
        for name in given:
            if name not in declared:
                known = ", ".join(declared) or "none"
                raise BadInput(f"A target of the kind '{self.name}' has no setting '{name}'.", hint=f"It has: {known}.")
        complete = {name: _checked(setting, given.get(name, setting.default)) for name, setting in declared.items()}
        self.validate(complete)
        return complete

    def secret_names(self) -> frozenset[str]:
        return frozenset(setting.name for setting in self.settings if setting.secret)


_registered: dict[str, TargetKind] = {}


def register(kind: TargetKind) -> None:
    """Make a kind known. Called by the kind's own package, and by tests for kinds of theirs."""
    _registered[kind.name] = kind


def unregister(name: str) -> None:
    """Forget a kind, for tests."""
    _registered.pop(name, None)


def kinds() -> list[TargetKind]:
    """Every kind, by title."""
    _discover()
    return sorted(_registered.values(), key=lambda kind: kind.title)


def kind_of(name: str) -> TargetKind:
    """Raises `NotFound` for a kind that nobody has registered."""
    _discover()
    if name not in _registered:
        raise NotFound(f"There is no kind of target '{name}'.", hint=f"Kinds are: {', '.join(sorted(_registered))}.")
    return _registered[name]


def is_known(name: str) -> bool:
    """Whether somebody has registered the kind."""
    _discover()
    return name in _registered


@cache
def _discover() -> None:
    """Import every folder of this package; each registers its kind."""
    package = importlib.import_module("deployments.targets")
    for found in _folders(package.__path__):
        importlib.import_module(f"{package.__name__}.{found}")


def _folders(path: Iterable[str]) -> list[str]:
    return [module.name for module in pkgutil.iter_modules(path) if module.ispkg]


def _checked(setting: Setting, value: Any) -> Any:
    kind = TYPES[setting.type]
    fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
    if value is None or (fits and (kind is bool or not isinstance(value, bool))):
        return value
    raise BadInput(f"{setting.label} must be of the type {setting.type}.", field=setting.name)
