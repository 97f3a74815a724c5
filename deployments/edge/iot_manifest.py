"""A deployment manifest for Azure IoT Edge: a revision's image as a module, with the routes that Azure's own use."""

import json
from typing import Any

from deployments.builds import revision_images
from deployments.config.deployment_config import config_of, limits_of
from deployments.errors import NoImageReference
from deployments.models import Package, Revision
from deployments.models.package import PackageForm
from studio.core.jobs import JobState

SCORING_PORT = "5001/tcp"
AGENT = "mcr.microsoft.com/azureiotedge-agent:1.5"
HUB = "mcr.microsoft.com/azureiotedge-hub:1.5"
HUB_PORTS = ("5671/tcp", "8883/tcp", "443/tcp")
KEPT_SECONDS = 7200  # of messages while the device is away


def manifest_of(revision: Revision) -> dict[str, Any]:
    """For the revision's image in a registry. Raises `NoImageReference` where it has none."""
    limits = limits_of(config_of(revision))
    variables = revision.config.environment_variables | limits["environment_variables"]
    return manifest(revision.service.name, _reference(revision), variables, limits["memory_bytes"])


def manifest(name: str, image: str, variables: dict[str, str], memory_bytes: int | None) -> dict[str, Any]:
    """Pure. Credentials of the registry are placeholders, which `az iot edge` tools fill in from the environment."""
    registry = image.partition("/")[0]
    credentials = {"username": "${REGISTRY_USERNAME}", "password": "${REGISTRY_PASSWORD}", "address": registry}
    options = {
        "ExposedPorts": {SCORING_PORT: {}},
        "HostConfig": {
            "PortBindings": {SCORING_PORT: [{"HostPort": SCORING_PORT.partition("/")[0]}]},
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
        }
        | ({"Memory": memory_bytes} if memory_bytes else {}),
    }
    module = _module(image, options, env={key: {"value": value} for key, value in sorted(variables.items())})
    hub_ports = {"HostConfig": {"PortBindings": {port: [{"HostPort": port.partition("/")[0]}] for port in HUB_PORTS}}}
    agent = {"type": "docker", "settings": {"image": AGENT, "createOptions": "{}"}}
    runtime = {"minDockerVersion": "v1.25", "loggingOptions": "", "registryCredentials": {"registry": credentials}}
    return {
        "modulesContent": {
            "$edgeAgent": {
                "properties.desired": {
                    "schemaVersion": "1.1",
                    "runtime": {"type": "docker", "settings": runtime},
                    "systemModules": {"edgeAgent": agent, "edgeHub": _module(HUB, hub_ports)},
                    "modules": {name: {"version": "1.0"} | module},
                }
            },
            "$edgeHub": {
                "properties.desired": {
                    "schemaVersion": "1.1",
                    "routes": _routes(name),
                    "storeAndForwardConfiguration": {"timeToLiveSecs": KEPT_SECONDS},
                }
            },
        }
    }


def _module(image: str, options: dict[str, Any], env: dict[str, Any] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "docker",
        "status": "running",
        "restartPolicy": "always",
        "settings": {"image": image, "createOptions": json.dumps(options, sort_keys=True)},
    }
    return found | ({"env": env} if env else {})


def _routes(name: str) -> dict[str, str]:
    """As modules of Azure Machine Learning have them: what devices send goes in, what comes out goes to the cloud."""
    return {
        "devicesToModel": f'FROM /messages/* WHERE NOT IS_DEFINED($connectionModuleId) INTO BrokeredEndpoint("/modules/'
        f'{name}/inputs/amlInput")',
        "modelToCloud": f"FROM /messages/modules/{name}/outputs/amlOutput INTO $upstream",
    }


def _reference(revision: Revision) -> str:
    """Of the image that the revision's target runs, or of its newest package. An id of an engine is none: a device
    cannot pull it."""
    found = []
    if revision_images.needs_image(revision.service.target):
        found.append(revision_images.image_for(revision, revision.service.target))
    packages = Package.objects.filter(revision=revision, form=PackageForm.IMAGE, state=JobState.SUCCEEDED)
    found += packages.order_by("-id").values_list("reference", flat=True)[:5]
    for reference in found:
        host = reference.partition("/")[0]
        if "/" in reference and ("." in host or ":" in host or host == "localhost"):
            return reference
    raise NoImageReference(revision.number)
