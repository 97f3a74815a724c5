"""Azure's inferenceconfig.json: written from a config, and read into what a config is made of.

Known keys are entryScript, sourceDirectory, environment (name, version, python.condaDependencies) and
description; older image settings are refused by name rather than dropped silently.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from deployments.models import InferenceConfig
from registry.environments import definitions, environments
from registry.environments.interpreters import own
from registry.environments.paths import CURATED_NAME
from studio.accounts.models import User, Workspace
from studio.core.errors import BadInput

REFUSED = (
    "condaFile",
    "runtime",
    "schemaFile",
    "extraDockerfileSteps",
    "enableGpu",
    "cudaVersion",
    "baseImage",
    "baseImageRegistry",
)


@dataclass(frozen=True)
class Imported:
    """`environment_name` with an empty `python_version` names an environment of the workspace."""

    entry_script: str
    description: str = ""
    environment_name: str = ""
    environment_version: str = ""
    python_version: str = ""
    requirements: list[str] = field(default_factory=list)


def export(config: InferenceConfig) -> dict[str, Any]:
    """The config in Azure's shape; the source directory is the folder the files are put into."""
    environment = config.environment
    shape: dict[str, Any] = {"entryScript": config.entry_script, "sourceDirectory": "."}
    if config.description:
        shape["description"] = config.description
    if environment is not None:
        dependencies = [f"python={environment.python_version}", {"pip": environment.requirements}]
        conda = {"name": "project_environment", "channels": ["conda-forge"], "dependencies": dependencies}
        shape["environment"] = {
            "name": environment.name,
            "version": str(environment.number),
            "python": {"userManagedDependencies": False, "condaDependencies": conda},
        }
    return shape


def read(text: str) -> Imported:
    """Raises `BadInput` with the line of a mistake in the JSON, or the key that is not supported."""
    return read_document(_load(text))


def read_document(document: Any) -> Imported:
    """The same for what the file holds."""
    if not isinstance(document, dict):
        raise _bad("An inferenceconfig.json holds one JSON object.")
    used = [key for key in REFUSED if document.get(key)]
    if used:
        raise _bad(
            f"The setting {used[0]} belongs to images of Azure's first version and is not supported.",
            "Describe the environment under 'environment' instead: a Python version and pip requirements.",
        )
    script = document.get("entryScript")
    if not isinstance(script, str) or not script:
        raise _bad("'entryScript' is missing: it names the script among the files.")
    environment = document.get("environment") or {}
    if not isinstance(environment, dict):
        raise _bad("'environment' must be an object.")
    return Imported(script, str(document.get("description") or ""), **_environment(environment))


def environment_of(given: Imported, workspace: Workspace, actor: User) -> str:
    """'name:number' of the environment: defined now when the file describes one, else found by its name.

    The studio's own is found, though our exports describe it: nobody can define it.
    """
    is_own = given.environment_name == CURATED_NAME
    if (given.python_version or given.requirements) and not is_own:
        version = given.python_version or own().minor
        name = given.environment_name or "imported"
        defined = environments.define(
            workspace=workspace, actor=actor, name=name, python_version=version, requirements=given.requirements
        )
        return str(defined)
    if not given.environment_name:
        return ""
    return str(environments.find(workspace, f"{given.environment_name}:{given.environment_version}"))


def _load(text: str) -> Any:
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as reason:
        where = f" in line {reason.lineno}: {reason.msg}" if isinstance(reason, json.JSONDecodeError) else ""
        raise _bad(
            f"This is no valid JSON{where}.", "Correct the line, for example a missing comma before it."
        ) from reason


def _environment(given: dict[str, Any]) -> dict[str, Any]:
    python = given.get("python") or {}
    conda = python.get("condaDependencies") if isinstance(python, dict) else None
    name = {"environment_name": str(given.get("name") or ""), "environment_version": str(given.get("version") or "")}
    if not isinstance(conda, dict):
        return name
    dependencies = conda.get("dependencies")
    if not isinstance(dependencies, list):
        raise _bad("'condaDependencies' must have a list of 'dependencies'.")
    version, lines = definitions.read_conda_dependencies(dependencies)
    return name | {"python_version": version, "requirements": lines}


def _bad(message: str, hint: str = "") -> BadInput:
    return BadInput(message, hint=hint, code="bad_inference_config", field="inferenceconfig")
