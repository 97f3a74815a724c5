"""Azure's deploymentconfig.json: read into a deployment config, and written from one.

The table of options says which key is which. A file is recognised by its `computeType`. Keys of ours may stand beside
Azure's and win. A setting of Azure's that Slipway does not have is named (`warnings_for`), and one that nobody knows
is rejected.
"""

from copy import deepcopy
from typing import Any

from django.conf import settings

from deployments.config import options
from deployments.config.options import Option
from deployments.errors import BadDeploymentConfig
from studio.core import unused_settings

MARK = "computeType"
COMPUTE_TYPES = ("local", "aci", "aks")
AUTOSCALER = "autoScaler"
TLS = "sslEnabled"
RESOURCES = "containerResourceRequirements"
LIMITS = {"cpuLimit": "cpu", "memoryInGBLimit": "memoryInGB"}  # Azure reserves the second and allows the first
FIXED = "numReplicas"
SWITCH, MOST = "autoscaleEnabled", "maxReplicas"
MOST_BY_DEFAULT = 10  # Azure's, where autoscaling is on and no number is named
KEYS = ("primaryKey", "secondaryKey")
_NETWORK = "where a service runs, and at which address, is a matter of its target."
_TLS = "the front has one certificate for all services (SLIPWAY_FRONT_CERTIFICATE); replicas speak HTTP."
_SHARES = "shares are given beside the options (--traffic, --label), or later: `slipway service traffic NAME`."
REASONS = {
    MARK: "the service runs where its target says (--target); without one, on this machine.",
    "appInsightsEnabled": "every service has metrics, logs and traces.",
    "dataCollection.eventHubEnabled": "collected requests are kept in files.",
    "gpuCores": "no GPU is reserved; models use one where --provider names its execution provider.",
    "livenessProbeRequirements": "Slipway watches services by itself, and gives them --start-deadline to get ready.",
    "sslCertificate": _TLS,
    "sslKey": _TLS,
    "cname": _TLS,
    "location": _NETWORK,
    "dnsNameLabel": _NETWORK,
    "namespace": _NETWORK,
    "computeTargetName": _NETWORK,
    "port": _NETWORK,
    "vnetName": _NETWORK,
    "subnetName": _NETWORK,
    "cmkVaultBaseUrl": "disks are encrypted by whoever runs the machine.",
    "cmkKeyName": "disks are encrypted by whoever runs the machine.",
    "cmkKeyVersion": "disks are encrypted by whoever runs the machine.",
    "blobfuseEnabled": "models lie on the machine's own disk.",
    "tags": "services have no tags; the versions that they run have.",
    "properties": "services have no properties; the versions that they run have.",
    "description": "the service's description is given beside its options (--description).",
    "versionName": _SHARES,
    "trafficPercentile": _SHARES,
    "isDefault": _SHARES,
    "endpointName": _SHARES,
}
IDLE: dict[str, tuple[Any, ...]] = {
    "blobfuseEnabled": (True,),
    "trafficPercentile": (100,),
    "isDefault": (True,),
}


def is_azure(document: dict[str, Any]) -> bool:
    return MARK in document


def read(document: dict[str, Any]) -> dict[str, Any]:
    """The document as a deployment config, without the keys that it chooses (`keys_of`).

    Raises `BadDeploymentConfig` for a setting that nobody knows, and for encryption that nobody carries out.
    """
    kind = _check_compute_type(document[MARK])
    rest = {name: value for name, value in deepcopy(document).items() if name != MARK}
    names = {option.path[0] for option in options.OPTIONS}
    config = {name: rest.pop(name) for name in list(rest) if name in names}
    _prefer_limits(rest.get(RESOURCES))
    _say_whether_it_scales(rest, config, kind)
    for option in options.OPTIONS:
        value = _take(rest, option.azure.split(".")) if option.azure else None
        if value is not None and not (_is_switch(option) and value is False):
            _put(config, option.path, _from_azure(option, value))
    _take_keys(rest)
    _refuse_encryption(rest.pop(TLS, None))
    for name, value in unused_settings.leaves(rest):
        _refuse_unknown(name, value)
    return config


def keys_of(document: dict[str, Any]) -> dict[str, str]:
    """The keys that it chooses, `primary` and `secondary`. Raises `BadDeploymentConfig` for what is no text."""
    return _take_keys(deepcopy(document))


def warnings_for(document: dict[str, Any]) -> list[str]:
    """A sentence about every setting that `read` accepts and that has no effect."""
    told = dict(document)
    if str(told[MARK]).lower() == "local":
        del told[MARK]
    sentences = unused_settings.sentences(told, REASONS, IDLE)
    return sentences + _told_of_bounds(document) + _told_of_requests(told.get(RESOURCES))


def export(stored: dict[str, Any]) -> dict[str, Any]:
    """A stored config in Azure's shape; options that Azure does not know are left out."""
    scales = stored.get("max_replicas") is not None
    document: dict[str, Any] = {MARK: "aks" if scales or "replicas" in stored else "local"}
    if scales:
        document[AUTOSCALER] = {SWITCH: True}
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


def _say_whether_it_scales(rest: dict[str, Any], config: dict[str, Any], kind: str) -> None:
    """Put it as the table does, where a largest number means that it scales. Bounds of what is off mean nothing."""
    if rest.get(FIXED) == 0:
        del rest[FIXED]
    scaler = rest.get(AUTOSCALER)
    if not isinstance(scaler, dict | None):
        return  # told as what nobody knows
    found = {name: value for name, value in (scaler or {}).items() if value is not None}
    is_on = found.pop(SWITCH, _scales_by_default(rest, found, config, kind))
    if not isinstance(is_on, bool):
        raise BadDeploymentConfig(f"{AUTOSCALER}.{SWITCH} must be true or false.", field=AUTOSCALER)
    rest[AUTOSCALER] = ({MOST: MOST_BY_DEFAULT} | found) if is_on else {}


def _scales_by_default(rest: dict[str, Any], scaler: dict[str, Any], config: dict[str, Any], kind: str) -> bool:
    """On Azure's clusters a service scales unless a number of replicas is named; keys of ours count more."""
    if "replicas" in config or "max_replicas" in config:
        return "max_replicas" in config
    return rest.get(FIXED) is None if kind == "aks" else MOST in scaler


def _take_keys(rest: dict[str, Any]) -> dict[str, str]:
    """Azure's file has them below `keys`, its command line beside all else."""
    below = rest.pop("keys", None)
    found = {name: rest.pop(name) for name in KEYS if name in rest} | (below if isinstance(below, dict) else {})
    unknown = [name for name in found if name not in KEYS]
    chosen = {name.removesuffix("Key"): value for name, value in found.items() if name in KEYS and value is not None}
    if unknown or not isinstance(below, dict | None) or not all(isinstance(one, str) for one in chosen.values()):
        raise BadDeploymentConfig(
            "keys must hold primaryKey and secondaryKey, or one of them, as texts.",
            hint="Leave it out, and the studio makes keys.",
            field="keys",
        )
    return chosen


def _check_compute_type(kind: Any) -> str:
    if not isinstance(kind, str) or kind.lower() not in COMPUTE_TYPES:
        raise BadDeploymentConfig(
            f"{MARK} must be one of {', '.join(COMPUTE_TYPES)}.",
            hint="It says in which form the file is written; the service runs where its target says.",
            field=MARK,
        )
    return kind.lower()


def _prefer_limits(resources: Any) -> None:
    """What a service may use is what Azure calls its limit; without one, what Azure reserves for it."""
    if isinstance(resources, dict):
        for limit, reserved in LIMITS.items():
            if (value := resources.pop(limit, None)) is not None:
                resources[reserved] = value


def _told_of_requests(resources: Any) -> list[str]:
    if not isinstance(resources, dict):
        return []
    return [
        f"{RESOURCES}.{reserved} has no effect beside {limit}: nothing is reserved, and the limit holds."
        for limit, reserved in LIMITS.items()
        if resources.get(limit) is not None and resources.get(reserved) not in (None, resources[limit])
    ]


def _told_of_bounds(document: dict[str, Any]) -> list[str]:
    scaler, number = document.get(AUTOSCALER), document.get(FIXED)
    if not isinstance(scaler, dict) or SWITCH in scaler or not number or str(document[MARK]).lower() != "aks":
        return []
    return [f"{AUTOSCALER} has no effect beside {FIXED}: the number is fixed."]


def _refuse_encryption(wanted: Any) -> None:
    """Unless the front carries it out."""
    if wanted in (None, False):
        return
    front = settings.FRONT
    if wanted is not True or not (front["enabled"] and (front["certificate"] or front["self_signed"])):
        raise BadDeploymentConfig(
            f"{TLS} is not possible here: {_TLS}",
            hint=f"Give the front a certificate first, or set {TLS} to false.",
            field=TLS,
        )


def _refuse_unknown(name: str, value: Any) -> None:
    if unused_settings.reason_for(name, REASONS) or not unused_settings.asks_for_something(name, value, IDLE):
        return
    raise BadDeploymentConfig(
        f"deploymentconfig.json has no setting {name[:100]}.",
        hint="Correct its name or leave it out; docs/deployment-options.md lists the settings.",
        field=name.split(".", maxsplit=1)[0][:100],
    )
