"""What a program says of a new inference config, as the keywords of `configs.create`."""

from collections.abc import Mapping
from typing import Any

from deployments.config import configs
from registry.environments import environments
from registry.store import uploads
from studio.accounts.models import User, Workspace
from studio.core.errors import BadInput

KEPT = ("kind", "description", "entry_script", "environment_variables")


def resolve(workspace: Workspace, actor: User, given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` holds what was sent: name; base, whose facts are kept; kind, description, entry_script,
    environment_variables, environment by reference, files as ids of uploads, which count more than the base's.

    Raises `BadInput` and `NotFound`.
    """
    facts = {"name": given["name"]} | (_of_base(workspace, given["base"]) if "base" in given else {})
    facts |= {name: given[name] for name in KEPT if name in given}
    if "kind" not in facts:
        raise BadInput("Say what kind of config it is, or give a base.", field="kind")
    if "files" in given:
        facts["files"] = uploads.find_all(workspace, actor, given["files"])
    if given.get("environment") is not None:
        facts["environment"] = environments.find(workspace, given["environment"])
    return facts


def _of_base(workspace: Workspace, reference: str) -> dict[str, Any]:
    base = configs.find(workspace, reference)
    files = {file.path: file.artifact for file in base.files.select_related("artifact")}
    return {"environment": base.environment, "files": files} | {name: getattr(base, name) for name in KEPT}
