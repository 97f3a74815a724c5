"""What a program says of a new inference config, as the keywords of `configs.create`."""

from collections.abc import Mapping
from typing import Any

from deployments.config import configs, inference_config_json
from deployments.models.config import ConfigKind
from registry.environments import environments
from registry.store import uploads
from studio.accounts.models import User, Workspace
from studio.core.errors import BadInput

KEPT = ("kind", "description", "entry_script")


def resolve(workspace: Workspace, actor: User, given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` holds what was sent: name; base, whose facts are kept, or inferenceconfig, Azure's file as an object;
    kind, description, entry_script, environment by reference, files as ids of uploads, which count more than both.

    Raises `BadInput` and `NotFound`. An environment that Azure's file describes is defined.
    """
    facts = {"name": given["name"], **_beginning(workspace, actor, given)}
    facts |= {name: given[name] for name in KEPT if name in given}
    if "kind" not in facts:
        raise BadInput("Say what kind of config it is, or give a base.", field="kind")
    if "files" in given:
        facts["files"] = uploads.find_all(workspace, actor, given["files"])
    if given.get("environment") is not None:
        facts["environment"] = environments.find(workspace, given["environment"])
    return facts


def _beginning(workspace: Workspace, actor: User, given: Mapping[str, Any]) -> dict[str, Any]:
    if "base" in given and "inferenceconfig" in given:
        raise BadInput("Give base or inferenceconfig, not both.", field="inferenceconfig")
    if "base" in given:
        return _of_base(workspace, given["base"])
    return _of_file(workspace, actor, given["inferenceconfig"]) if "inferenceconfig" in given else {}


def _of_base(workspace: Workspace, reference: str) -> dict[str, Any]:
    base = configs.find(workspace, reference)
    files = {file.path: file.artifact for file in base.files.select_related("artifact")}
    return {"environment": base.environment, "files": files} | {name: getattr(base, name) for name in KEPT}


def _of_file(workspace: Workspace, actor: User, document: Mapping[str, Any]) -> dict[str, Any]:
    imported = inference_config_json.read_document(document)
    reference = inference_config_json.environment_of(imported, workspace, actor)
    return {
        "kind": ConfigKind.ENTRY_SCRIPT,
        "description": imported.description,
        "entry_script": imported.entry_script,
        "environment": environments.find(workspace, reference) if reference else environments.curated(workspace),
    }
