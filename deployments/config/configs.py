"""Inference configs: made, checked and found. Checking reads source files; it never runs them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from deployments.config import default_environments, option_checks, options
from deployments.config.checks import check
from deployments.config.findings import Finding
from deployments.config.sources import Content, Files, gather, stored
from deployments.events import CONFIG_CREATED, CONFIG_DELETED
from deployments.models import ConfigFile, InferenceConfig
from deployments.models.config import ConfigKind
from registry.errors import InUse
from registry.models import Environment, ModelVersion, Upload
from registry.store import artifacts
from studio.accounts.models import User, Workspace
from studio.accounts.numbering import next_number
from studio.activity.recording import record
from studio.core.errors import BadInput, NotFound
from studio.core.numbered_names import check_name, split_reference
from studio.core.process_variables import HIDDEN

__all__ = ["check", "create", "default_for", "delete", "find", "gather"]

NO_CODE_NAME = "no-code"
VARIABLES = next(one for one in options.OPTIONS if one.kind == "variables")
FIELDS = {"environment_missing": "environment", "python_missing": "environment", "kind_unknown": "kind"}


def create(  # noqa: PLR0913 - one keyword for each thing that people may say about a config
    *,
    workspace: Workspace,
    actor: User | None,
    name: str,
    kind: str,
    entry_script: str = "",
    files: Files = (),
    environment: Environment | None = None,
    environment_variables: Mapping[str, str] | None = None,
    description: str = "",
) -> InferenceConfig:
    """The next version of config `name`. Raises `BadInput` with everything that `check` found wrong."""
    check_name(name)
    checked = prepare(
        workspace=workspace,
        kind=kind,
        entry_script=entry_script,
        files=files,
        environment=environment,
        environment_variables=environment_variables,
        description=description,
    )
    with transaction.atomic():
        config = add(checked, workspace, actor, name)
        record(CONFIG_CREATED, config, workspace=workspace, actor=actor)
    return config


@dataclass(frozen=True)
class CheckedConfig:
    """What is right and only has to be written: columns of the row, and where its files come from."""

    facts: dict[str, Any]
    content: Mapping[str, Content]

    @property
    def kind(self) -> str:
        return str(self.facts["kind"])


def prepare(
    *,
    workspace: Workspace,
    kind: str,
    entry_script: str = "",
    files: Files = (),
    environment: Environment | None = None,
    environment_variables: Mapping[str, str] | None = None,
    description: str = "",
) -> CheckedConfig:
    """A config that could be made; writes nothing. Raises `BadInput` with everything that `check` found wrong."""
    variables = read_variables(environment_variables or {})
    _check_owner(workspace, environment)
    gathered = gather(files, workspace)
    _refuse_errors(check(kind=kind, entry_script=entry_script, files=gathered, environment=environment))
    facts = {
        "kind": kind,
        "description": description[:10_000],
        "entry_script": artifacts.safe_path(entry_script) if kind == ConfigKind.ENTRY_SCRIPT else "",
        "environment": environment,
        "environment_variables": variables if kind == ConfigKind.ENTRY_SCRIPT else {},
    }
    return CheckedConfig(facts, gathered)


def add(
    checked: CheckedConfig, workspace: Workspace, actor: User | None, name: str, *, draft: bool = False
) -> InferenceConfig:
    """Write it as the next version of `name`; uploads become its files. Call it inside a transaction."""
    kept = {path: stored(content) for path, content in checked.content.items()}
    number = next_number(workspace, name, InferenceConfig.objects.all())
    config = InferenceConfig.objects.create(
        workspace=workspace, name=name, number=number, draft=draft, created_by=actor, **checked.facts
    )
    ConfigFile.objects.bulk_create(
        ConfigFile(config=config, path=path, artifact=artifact) for path, artifact in kept.items()
    )
    used = [content.pk for content in checked.content.values() if isinstance(content, Upload)]
    Upload.objects.filter(pk__in=used).delete()
    return config


def default_for(version: ModelVersion, actor: User | None) -> InferenceConfig:
    """The workspace's config for serving the version without code, made with its environment when it is first needed.

    `BadInput` for versions that need a script. Call it inside the transaction that needs it.
    """
    environment = default_environments.ensure(version, actor)
    found = InferenceConfig.objects.in_workspace(version.workspace).registered().filter(kind=ConfigKind.NO_CODE)
    name = no_code_name(version)
    return found.filter(name=name, environment=environment).order_by("-number").first() or create(
        workspace=version.workspace,
        actor=actor,
        name=name,
        kind=ConfigKind.NO_CODE,
        environment=environment,
        description=f"Serves {version.framework} models without code; made by the studio.",
    )


def no_code_name(version: ModelVersion) -> str:
    """What the config is called: one name for each framework."""
    return NO_CODE_NAME if version.framework == "onnx" else f"{NO_CODE_NAME}-{version.framework}"


def find(workspace: Workspace, reference: str) -> InferenceConfig:
    """'name:3', or 'name' and 'name:latest' for the newest. Raises `NotFound`."""
    name, number = split_reference(reference)
    registered = InferenceConfig.objects.in_workspace(workspace).registered()
    rows = registered.select_related("environment").filter(name=name)
    config: InferenceConfig | None = (rows if number is None else rows.filter(number=number)).first()
    if config is None:
        raise NotFound(f"There is no inference config '{reference[:150]}' in this workspace.", field="config")
    return config


def find_file(config: InferenceConfig, path: str) -> ConfigFile:
    """The file at exactly `path`. Raises `NotFound`."""
    found = config.files.select_related("artifact").filter(path=path).first()
    if found is None:
        raise NotFound(f"{config} has no file '{path[:200]}'.")
    return found


def delete(config: InferenceConfig, actor: User) -> None:
    """Delete a version; its number is never given again. Raises `Conflict`, naming the services that need it."""
    check_deletable(config)
    try:
        with transaction.atomic():
            record(CONFIG_DELETED, config, workspace=config.workspace, actor=actor)
            config.delete()
    except IntegrityError as used:  # a revision took it up in this moment
        raise InUse(f"{config} has just been taken into use.", hint="Try again.") from used


def check_deletable(config: InferenceConfig) -> None:
    """Raises `Conflict` for a config that revisions use, naming their services."""
    names = config.revisions.order_by("service__name").values_list("service__name", flat=True).distinct()[:6]
    if names:
        raise InUse(
            f"{config} is in use by {', '.join(names[:5])}{' and others' if len(names) > 5 else ''}.",
            hint="Services need the configs of all their revisions; delete these services first.",
        )


def read_variables(given: Mapping[str, str]) -> dict[str, str]:
    """Environment variables of a script. Raises `BadInput` for names that cannot be set."""
    variables: dict[str, str] = option_checks.check(VARIABLES, dict(given))
    return variables


def shown_variables(config: InferenceConfig, *, with_values: bool) -> dict[str, str]:
    """The environment variables; their values are often secrets, so that viewers see names only."""
    variables: dict[str, str] = config.environment_variables
    return variables if with_values else dict.fromkeys(variables, HIDDEN)


def _refuse_errors(findings: list[Finding]) -> None:
    errors = [finding for finding in findings if finding.level == "error"]
    if errors:
        first = errors[0]
        field = FIELDS.get(first.code, "entry_script")
        evidence = "\n".join(f"{finding.place}: {finding.message}".removeprefix(": ") for finding in errors)
        message = f"{first.place}: {first.message}" if first.line else first.message  # programs see no more than this
        raise BadInput(message, code=first.code, hint=first.hint, field=field, evidence=evidence)


def _check_owner(workspace: Workspace, environment: Environment | None) -> None:
    if environment is not None and environment.workspace_id != workspace.pk:
        raise NotFound(f"There is no environment '{environment}' in this workspace.", field="environment")
