"""Azure's deploymentconfig.json: read into a deployment config, and written from one.

The table of options says which key is which. A file is recognised by its `computeType`. Keys of ours may stand beside
Azure's and win. A setting that Slipway does not have is rejected by name rather than dropped silently, unless it is
off, or asks for one of something.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from deployments.config import options
from deployments.config.options import Option
from deployments.errors import BadDeploymentConfig

MARK = "computeType"
SKIPPED = {MARK, "appInsightsEnabled"}  # the second: every service has metrics and a log here
AUTOSCALER = "autoScaler"


def is_azure(document: dict[str, Any]) -> bool:
    return MARK in document


def read(document: dict[str, Any]) -> dict[str, Any]:
    """The document as a deployment config. Raises `BadDeploymentConfig` for a setting that Slipway does not have."""
    rest = {name: value for name, value in deepcopy(document).items() if name not in SKIPPED}
    names = {option.path[0] for option in options.OPTIONS}
    config = {name: rest.pop(name) for name in list(rest) if name in names}
    for option in options.OPTIONS:
        value = _take(rest, option.azure.split(".")) if option.azure else None
        if value is not None and not (_is_switch(option) and value is False):
            _put(config, option.path, _from_azure(option, value))
    for name, value in _leaves(rest):
        _refuse(name, value, rest)
    return config


def export(stored: dict[str, Any]) -> dict[str, Any]:
    """A stored config in Azure's shape; options that Azure does not know are left out."""
    document: dict[str, Any] = {MARK: "local"}
    for option in options.OPTIONS:
        value = _take(deepcopy(stored), option.path) if option.azure else None
        if value is not None:
            _put(document, tuple(option.azure.split(".")), _to_azure(option, value))
    return document


def _is_switch(option: Option) -> bool:
    """Whether Azure has a switch where the option is a share: collection is on for all requests, or off."""
    return option.kind == "number" and option.azure.endswith("Enabled")


def _from_azure(option: Option, value: Any) -> Any:
    if _is_switch(option):
        return 1.0 if value is True else value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value  # what is of a wrong type is reported with all else
    try:
        return options.tidy(value * option.azure_scale)
    except OverflowError:  # an integer beyond every number with a fraction: out of range in any unit
        return value


def _to_azure(option: Option, value: Any) -> Any:
    if _is_switch(option):
        return value > 0
    return value if isinstance(value, bool) else options.tidy(value / option.azure_scale)


def _take(place: Any, path: Any) -> Any:
    """The value at the path, taken out; None where there is none."""
    *parts, name = path
    for part in parts:
        place = place.get(part) if isinstance(place, dict) else None
    return place.pop(name, None) if isinstance(place, dict) else None


def _put(place: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Set the value unless something stands there already."""
    *parts, name = path
    for part in parts:
        place = place.setdefault(part, {})
    place.setdefault(name, value)


def _leaves(value: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, one in value.items():
        if isinstance(one, dict):
            yield from _leaves(one, f"{path}{name}.")
        else:
            yield f"{path}{name}", one


def _refuse(name: str, value: Any, document: dict[str, Any]) -> None:
    scales = (document.get(AUTOSCALER) or {}).get("autoscaleEnabled")
    is_off = value in (None, False, 0, "", []) or (value == 1 and value is not True)
    if is_off or (name.startswith(f"{AUTOSCALER}.") and not scales):
        return
    raise BadDeploymentConfig(
        f"The setting {name[:100]} of deploymentconfig.json is not supported.",
        hint="Leave it out; docs/deployment-options.md lists the settings that are.",
        field=name.split(".", maxsplit=1)[0][:100],
    )
