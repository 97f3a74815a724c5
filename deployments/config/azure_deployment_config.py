"""Azure's deploymentconfig.json: read into a deployment config, and written from one.

The table of options says which key is which. A file is recognised by its `computeType`. Keys of ours may stand beside
Azure's and win. A setting of Azure's that Slipway does not have is named (`warnings_for`), and one that nobody knows
is rejected.
"""

from copy import deepcopy
from typing import Any

from deployments.config import options, unused_settings
from deployments.config.options import Option
from deployments.errors import BadDeploymentConfig

MARK = "computeType"
COMPUTE_TYPES = ("local", "aci", "aks")
AUTOSCALER = "autoScaler"
TLS = "sslEnabled"
RESOURCES = "containerResourceRequirements"
LIMITS = {"cpuLimit": "cpu", "memoryInGBLimit": "memoryInGB"}  # Azure reserves the second and allows the first
_ONE_INSTANCE = "a revision runs as one instance, in as many processes as --processes says."
_NETWORK = "where a service runs, and at which address, is a matter of its target."
_TLS = "services speak HTTP; a proxy in front of them can speak HTTPS."
_KEYS = "Slipway makes the keys; `slipway service keys NAME` shows them."
_SHARES = "a service has one address, and its newest revision gets all requests."
REASONS = {
    MARK: "the service runs where its target says (--target); without one, on this machine.",
    AUTOSCALER: _ONE_INSTANCE,
    "numReplicas": _ONE_INSTANCE,
    "appInsightsEnabled": "every service has metrics, logs and traces.",
    "dataCollection.eventHubEnabled": "collected requests are kept in files.",
    "gpuCores": "no GPU is reserved; models use one where --provider names its execution provider.",
    "livenessProbeRequirements": "Slipway watches services by itself, and gives them --start-deadline to get ready.",
    "maxConcurrentRequestsPerContainer": "the scoring server decides it; --queue-limit says how many may wait.",
    "keys": _KEYS,
    "primaryKey": _KEYS,
    "secondaryKey": _KEYS,
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
    "numReplicas": (1,),
    "maxConcurrentRequestsPerContainer": (1,),
    "blobfuseEnabled": (True,),
    "trafficPercentile": (100,),
    "isDefault": (True,),
}


def is_azure(document: dict[str, Any]) -> bool:
    return MARK in document


def read(document: dict[str, Any]) -> dict[str, Any]:
    """The document as a deployment config.

    Raises `BadDeploymentConfig` for a setting that nobody knows, and for encryption, which nobody may believe to hold.
    """
    _check_compute_type(document[MARK])
    rest = {name: value for name, value in deepcopy(document).items() if name != MARK}
    names = {option.path[0] for option in options.OPTIONS}
    config = {name: rest.pop(name) for name in list(rest) if name in names}
    _prefer_limits(rest.get(RESOURCES))
    for option in options.OPTIONS:
        value = _take(rest, option.azure.split(".")) if option.azure else None
        if value is not None and not (_is_switch(option) and value is False):
            _put(config, option.path, _from_azure(option, value))
    _refuse_encryption(rest.pop(TLS, None))
    for name, value in unused_settings.leaves(rest):
        _refuse_unknown(name, value)
    return config


def warnings_for(document: dict[str, Any]) -> list[str]:
    """A sentence about every setting that `read` accepts and that has no effect."""
    told = dict(document)
    if str(told[MARK]).lower() == "local":
        del told[MARK]
    scaler = told.get(AUTOSCALER)
    if isinstance(scaler, dict) and scaler.get("autoscaleEnabled") is False:
        del told[AUTOSCALER]  # bounds of what is off
    return unused_settings.sentences(told, REASONS, IDLE) + _told_of_requests(told.get(RESOURCES))


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


def _check_compute_type(kind: Any) -> None:
    if not isinstance(kind, str) or kind.lower() not in COMPUTE_TYPES:
        raise BadDeploymentConfig(
            f"{MARK} must be one of {', '.join(COMPUTE_TYPES)}.",
            hint="It says in which form the file is written; the service runs where its target says.",
            field=MARK,
        )


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


def _refuse_encryption(wanted: Any) -> None:
    if wanted not in (None, False):
        raise BadDeploymentConfig(
            f"{TLS} is not supported: {_TLS}",
            hint=f"Set {TLS} to false, and put a proxy with the certificate in front of the service.",
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
