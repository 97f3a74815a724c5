"""`slipway service deploy` and `update`: from model versions, and a script if there is one, to a service."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway import folders, output, progress, text_files, wording
from slipway.commands.options import json_object
from slipway.errors import Misuse

if TYPE_CHECKING:
    from slipway.client import Client
    from slipway.types import Service

IGNORED = folders.UNWANTED | {"__pycache__", ".git", ".venv", ".ipynb_checkpoints"}


@dataclass(frozen=True)
class Script:
    """The options that make an inference config on the way."""

    entry_script: str
    source_dir: Path | None = None
    requirements: Path | None = None
    environment: str = ""

    def files(self) -> dict[str, Path]:
        """What goes into the config, by path. Raises `Misuse` when the entry script is not there."""
        if self.source_dir is None:
            script = Path(self.entry_script)
            found = {script.name: script}
        else:
            found = self._beside_the_script(self.source_dir)
        if self.entry not in found or not found[self.entry].is_file():
            raise Misuse(
                f"There is no entry script {self.entry_script}.",
                hint="Its path is relative to --source-dir, where that is given.",
            )
        return found

    @staticmethod
    def _beside_the_script(folder: Path) -> dict[str, Path]:
        if not folder.is_dir():
            raise Misuse(f"There is no folder {folder}.")
        return folders.files_below(folder, IGNORED)

    @property
    def entry(self) -> str:
        """The entry script's path in the config."""
        path = Path(self.entry_script)
        return path.as_posix() if self.source_dir else path.name

    def lines(self) -> list[str]:
        """The lines of the requirements file, as they are: the studio reads them, and names them by their numbers."""
        return text_files.read(self.requirements).split("\n") if self.requirements else []


def script_of(
    config: str | None, entry: str | None, folder: Path | None, requirements: Path | None, environment: str
) -> Script | None:
    """What the options about a script say together; None where there is no script. Raises `Misuse`."""
    if entry is None:
        if folder or requirements or environment:
            raise Misuse("--source-dir, --requirements and --environment go with --entry-script.")
        return None
    if config or (requirements and environment):
        raise Misuse("Give one of --config and --entry-script, and one of --requirements and --environment.")
    return Script(entry, folder, requirements, environment)


def options(limits: dict[str, Any], server: str, file: Path | None) -> dict[str, Any]:
    """What the flags `limits`, --server and --deployment-config say together. Raises `Misuse`."""
    if extra := json_object(server, "--server"):
        limits = merged({"server": extra}, limits)
    if file:
        limits = merged(json_object(f"@{file}", "--deployment-config"), limits)
    return limits


def make_config(client: "Client", name: str, script: Script) -> str:
    """Create environment and config by the service's name; the config's "name:number"."""
    files, lines = script.files(), script.lines()
    environment = {"environment": script.environment} if script.environment else {}
    if script.requirements is not None:
        defined = client.environments.create(name, lines)
        environment["environment"] = defined["id"]
        output.note(f"Environment {defined['id']}.")
        for warning in defined.get("warnings", []):
            output.note(warning)
    config = client.configs.create(name, script.entry, files, **environment)
    output.note(f"Inference config {config['id']}.")
    return config["id"]


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Both, also within their parts; where they differ, `above` wins: a flag counts more than a file."""
    found = dict(below)
    for name, value in above.items():
        parts = isinstance(value, dict) and isinstance(found.get(name), dict)
        found[name] = merged(found[name], value) if parts else value
    return found


def changed(kept: dict[str, Any], limits: dict[str, Any]) -> dict[str, Any]:
    """The options of a service that exists, changed by flags. Asking for keys ends tokens, and the other way round."""
    access = {"auth", "token_auth"}
    if access & limits.keys():
        kept = {name: value for name, value in kept.items() if name not in access}
    return merged(kept, limits)


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
            "state": service["state"],
            "why": cause.get("message"),
            "next step": cause.get("hint"),
            **_update(service),
            "address": service.get("scoring_uri"),
            "swagger": service.get("swagger_uri"),
            "gRPC": service.get("grpc_address"),
            "models": ", ".join(service.get("models") or []),
            "config": service.get("config"),
            "revision": service.get("revision"),
            "target": service.get("target"),
            "walls": walls.get("description"),
            "description": service.get("description"),
            "limits": wording.pairs({key: value for key, value in limits.items() if value not in (None, {})}),
            "created": f"{wording.when(service.get('created_at'))} by {service.get('created_by')}",
        }
    )


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
