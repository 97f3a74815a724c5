"""`slipway service deploy` and `update`: from model versions, and a script if there is one, to a service."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway import documents, output, progress, wording
from slipway.commands import inference_files
from slipway.commands.inference_files import InferenceFile
from slipway.commands.options import json_object, open_client
from slipway.commands.sources import Script
from slipway.defaults import RUNTIME
from slipway.errors import Misuse

if TYPE_CHECKING:
    from slipway.client import Client
    from slipway.types import Instance, Replica, Service

SCALES = {"min_replicas", "max_replicas", "target_utilization", "scaling_seconds", "idle_seconds"}


@dataclass(frozen=True, kw_only=True)
class Code:
    """The options that say how requests become predictions: a config that exists, or what makes one on the way."""

    config: str | None = None
    entry_script: str | None = None
    source_dir: Path | None = None
    requirements: Path | None = None
    environment: str = ""
    inference_file: Path | None = None
    python_version: str = ""

    def source(self) -> Script | InferenceFile | None:
        """What makes a config; None where there is nothing to make. Raises `Misuse` for options that exclude others."""
        if len([one for one in (self.config, self.entry_script, self.inference_file) if one]) > 1:
            raise Misuse("Give one of --config, --entry-script and --inference-config.")
        if self.inference_file:
            if self.source_dir or self.requirements:
                raise Misuse("--source-dir and --requirements go with --entry-script: the file says them itself.")
            return inference_files.load(self.inference_file, self.environment, self.python_version)
        if self.entry_script:
            if self.requirements and self.environment:
                raise Misuse("Give one of --requirements and --environment.")
            return Script(self.entry_script, self.source_dir, self.requirements, self.environment, self.python_version)
        if self.source_dir or self.requirements or self.environment or self.python_version:
            raise Misuse("--source-dir, --requirements, --environment and --python go with --entry-script.")
        return None


def options(
    limits: dict[str, Any], server: str, file: Path | None, azure: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What the flags `limits`, --server, --deployment-config and `azure` say together. Raises `Misuse`.

    `azure` are settings of Azure's deploymentconfig.json that were given as flags: they count more than the file's.
    """
    if extra := json_object(server, "--server"):
        limits = merged({"server": extra}, limits)
    below = documents.load(file) if file else {}
    if azure:
        below = merged({"computeType": "local"} | below, azure)
    return merged(below, limits)


def deploy(
    name: str, models: list[str], source: Script | InferenceFile | None, facts: dict[str, Any], timeout: float | None
) -> "Service":
    """Deploy, and wait until the service is Healthy where there is a `timeout`; reports what happens meanwhile."""
    with open_client() as client:
        made = {"config": make_config(client, name, source)} if source else {}
        service = client.deploy(name, models, **facts | made)
        print_warnings(service)
        if facts.get("traffic") is not None and service["deployed_revision"] > 1:
            wait_beside(client, service, timeout)
            return service
        output.note(f"Deploying {service['name']}.")
        return wait_healthy(client, service["name"], timeout) if timeout else service


def wait_beside(client: "Client", service: "Service", timeout: float | None) -> None:
    """Tell that a revision starts beside the others, and wait until it is Healthy where there is a `timeout`."""
    name, made = service["name"], service["deployed_revision"]
    output.note(f"Starting revision {made} of {name} beside the others.")
    if timeout:
        client.traffic.wait_healthy(name, made, timeout)


def make_config(client: "Client", name: str, source: Script | InferenceFile) -> str:
    """Create environment and config by the service's name; the config's "name:number"."""
    if isinstance(source, InferenceFile):
        config = inference_files.make_config(client, name, source)
    else:
        config = client.configs.create(name, source.entry, source.files(), _environment_of(client, name, source))
    output.note(f"Inference config {config['id']}.")
    return config["id"]


def print_warnings(service: "Service") -> None:
    """What the studio reports of a deployment that was asked for."""
    for warning in service.get("warnings", []):
        output.note(f"Warning: {warning}")


def _environment_of(client: "Client", name: str, source: Script) -> str:
    """The environment that a script names, or that its requirements make; else the studio's own."""
    source.files()  # nothing is created for a script that is not there
    if source.requirements is None:
        return source.environment or RUNTIME
    defined = client.environments.create(name, source.lines(), python_version=source.python_version)
    output.note(f"Environment {defined['id']}.")
    for warning in defined.get("warnings", []):
        output.note(f"Warning: {warning}")
    return defined["id"]


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Both, also within their parts; where they differ, `above` wins: a flag counts more than a file."""
    found = dict(below)
    for name, value in above.items():
        parts = isinstance(value, dict) and isinstance(found.get(name), dict)
        found[name] = merged(found[name], value) if parts else value
    return found


def changed(kept: dict[str, Any], limits: dict[str, Any]) -> dict[str, Any]:
    """The options of a service that exists, changed by flags. Asking for keys ends tokens, and the other way round; a
    fixed number of replicas ends scaling by load, and that a fixed number."""
    access = {"auth", "token_auth"}
    if access & limits.keys():
        kept = {name: value for name, value in kept.items() if name not in access}
    ended = SCALES if "replicas" in limits else {"replicas"} if "max_replicas" in limits else set()
    return merged({name: value for name, value in kept.items() if name not in ended}, limits)


def wait_healthy(client: "Client", name: str, timeout: float) -> "Service":
    """Wait for Healthy and report the steps on the way."""
    with progress.spinner(name) as report:
        return client.wait_for(name, {"Healthy"}, timeout, on_look=lambda service: report(_progress(service)))


def show(service: "Service") -> None:
    """A service for people."""
    cause: dict[str, Any] = dict(service.get("cause") or {})
    limits: dict[str, Any] = service.get("deployment_config") or {}
    walls: dict[str, Any] = dict(service.get("walls") or {})
    output.facts(
        {
            "service": service["name"],
            "state": state_of(service),
            "why": cause.get("message"),
            "next step": cause.get("hint"),
            **_update(service),
            "address": service.get("scoring_uri"),
            "through the front": service.get("front_uri"),
            "swagger": service.get("swagger_uri"),
            "gRPC": service.get("grpc_address"),
            "gRPC through the front": service.get("front_grpc_address"),
            "replicas": _replicas(service),
            "models": ", ".join(service.get("models") or []),
            "config": service.get("config"),
            "development": "yes: runs the files of a folder, which are not registered"
            if service.get("development")
            else None,
            "revision": service.get("revision"),
            "target": service.get("target"),
            "walls": walls.get("description"),
            "description": service.get("description"),
            "limits": wording.pairs({key: value for key, value in limits.items() if value not in (None, {})}),
            "created": f"{wording.when(service.get('created_at'))} by {service.get('created_by')}",
        }
    )


def state_of(service: "Service") -> str:
    """A service that sleeps is Healthy, and no process of it runs."""
    return "Asleep" if service.get("asleep") and service["state"] == "Healthy" else service["state"]


def _replicas(service: "Service") -> str:
    """3 of 4 ready (2 is dead, 4 restarted 3 times); with several revisions, each with its number."""
    instances = service.get("instances") or []
    several = len(instances) > 1
    return "; ".join((f"revision {one['revision']}: " if several else "") + _ready(one) for one in instances)


def _ready(instance: "Instance") -> str:
    details = ", ".join(detail for one in instance["replicas"] for detail in _details(one))
    ready = f"{instance['ready_replicas']} of {instance['desired_replicas']} ready"
    return f"{ready} ({details})" if details else ready


def _details(replica: "Replica") -> list[str]:
    number, restarts = replica["number"], replica["restarts"]
    state = [] if replica["state"] == "ready" else [f"{number} is {replica['state']}"]
    times = "once" if restarts == 1 else f"{restarts} times"
    return [*state, f"{number} restarted {times}"] if restarts else state


def _update(service: "Service") -> dict[str, Any]:
    """An update that is under way, or has failed while the revision before it goes on answering."""
    update = service.get("update")
    if update is None:
        return {}
    error: dict[str, Any] = dict(update["error"] or {})
    how = "has failed" if update["state"] == "Failed" else "is under way"
    return {
        "update": f"to revision {update['revision']} {how}",
        "update's problem": error.get("message"),
        "then": error.get("hint"),
    }


def _progress(service: "Service") -> str:
    """The state and the step that is under way: Transitioning, queued (waiting for a worker; 2 before it)."""
    moving = [step for step in service.get("steps") or [] if step.get("state") == "busy"]
    names = [f"{step['name']} ({step['detail']})" if step.get("detail") else step["name"] for step in moving]
    return ", ".join([service["state"], *names[-1:]])
