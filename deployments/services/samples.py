"""The bundled samples' own scripts and requests, so that each of them can be deployed and tried with one click."""

import json
from typing import Any

from deployments.config import configs
from deployments.models import InferenceConfig
from deployments.models.config import ConfigKind
from registry.environments import environments
from registry.models import ModelVersion
from registry.versions import samples
from studio.accounts.models import User


def has_script(version: ModelVersion) -> bool:
    return "entry_script" in (samples.entry_of(version) or {})


def config_for(version: ModelVersion, actor: User) -> InferenceConfig | None:
    """The inference config of a sample that comes with an entry script, made when it is first needed; else None."""
    entry = samples.entry_of(version) or {}
    if "entry_script" not in entry:
        return None
    rows = InferenceConfig.objects.in_workspace(version.workspace).registered().filter(name=entry["name"])
    found = rows.filter(kind=ConfigKind.ENTRY_SCRIPT).order_by("-number").first()
    return found or _make(version, entry, actor)


def request_for(version: ModelVersion, *, with_script: bool) -> Any:
    """The sample's request as its service takes it: rows for a script, tensors without one; None for others."""
    entry = samples.entry_of(version)
    if entry is None:
        return None
    return json.loads((samples.FOLDER / entry["sample_data" if with_script else "sample_request"]).read_text())


def _make(version: ModelVersion, entry: dict[str, Any], actor: User) -> InferenceConfig:
    script = samples.FOLDER / entry["entry_script"]
    lines = (samples.FOLDER / entry["requirements"]).read_text().splitlines()
    environment = environments.define(
        workspace=version.workspace,
        actor=actor,
        name=entry["name"],
        python_version=environments.curated(version.workspace).python_version,
        requirements=lines,
    )
    return configs.create(
        workspace=version.workspace,
        actor=actor,
        name=entry["name"],
        kind=ConfigKind.ENTRY_SCRIPT,
        entry_script=script.name,
        files={script.name: script.read_bytes()},
        environment=environment,
        description=f"Serves the sample model {entry['name']}; made by the studio.",
    )
