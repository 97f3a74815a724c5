"""The files that a deployment brings along instead of an inference config: what makes a development service."""

from collections.abc import Iterable, Mapping
from typing import Any

from deployments.config import configs
from deployments.config.configs import CheckedConfig
from deployments.models import InferenceConfig, Service
from deployments.models.config import ConfigKind
from registry.environments import definition_text, environments
from registry.environments.interpreters import own
from registry.models import Environment
from registry.store import artifacts, uploads
from studio.accounts.models import User, Workspace
from studio.core.errors import BadInput

USUAL_NAMES = ("score.py", "main.py")  # of entry scripts: Azure's examples, and what its server looks for


def read_source(workspace: Workspace, actor: User, given: Mapping[str, Any]) -> CheckedConfig:
    """`given` holds what was sent: files as ids of complete uploads, entry_script, environment_variables, and either
    environment by reference or requirements with python_version; only the files are needed.

    Raises `BadInput`, with the line where the script is at fault, and `NotFound`.
    """
    sent = uploads.find_all(workspace, actor, given["files"])
    return configs.prepare(
        workspace=workspace,
        kind=ConfigKind.ENTRY_SCRIPT,
        entry_script=entry_of(given.get("entry_script", ""), [artifacts.safe_path(upload.path) for upload in sent]),
        files=sent,
        environment=read_environment(workspace, given) or environments.curated(workspace),
        environment_variables=given.get("environment_variables") or {},
    )


def entry_of(named: str, paths: Iterable[str]) -> str:
    """The entry script: the one named, else score.py or main.py, else the only Python file beside no other.

    Raises `BadInput` where nothing says which it is.
    """
    if named:
        return named
    there = [path for path in paths if path.endswith(".py") and "/" not in path]
    usual = [name for name in USUAL_NAMES if name in there]
    if usual or len(there) == 1:
        return (usual or there)[0]
    names = ", ".join(sorted(there)[:8]) or "none is there"
    raise BadInput(
        f"Which Python file is the entry script? There is no score.py (Python files: {names}).",
        hint="Name it: entry_script, or --entry-script on the command line.",
        code="script_missing",
        field="entry_script",
    )


def read_environment(workspace: Workspace, given: Mapping[str, Any]) -> Environment | None:
    """The environment that is named, or an unsaved one of the requirements; None where neither is there.

    Raises `BadInput` and `NotFound`.
    """
    reference, lines = given.get("environment"), given.get("requirements")
    if reference and lines is not None:
        raise BadInput(
            "The packages are given twice: as an environment and as requirements.",
            hint="Leave one out.",
            field="environment",
        )
    if lines is None:
        return environments.find(workspace, reference) if reference else None
    written = definition_text.read_text("\n".join(lines))
    version = given.get("python_version") or written.python_version or own().minor
    return environments.draft(
        workspace=workspace, name="", python_version=version, requirements=written.lines, **written.further
    )


def keep(checked: CheckedConfig, service: Service, actor: User) -> InferenceConfig:
    """The files as a draft of the service's, with the environment that they bring. Call it inside a transaction."""
    name = f"~{service.name}"  # such names cannot be given to anything that is registered
    environments.keep_draft(checked.facts["environment"], actor, name)
    return configs.add(checked, service.workspace, actor, name, draft=True)


def warnings_of(checked: CheckedConfig | None) -> list[str]:
    """What people should know of its environment."""
    environment = checked.facts["environment"] if checked else None
    return environments.warnings_of(environment) if environment else []
