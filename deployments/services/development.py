"""Development services: they run the files of a folder, of which nothing is registered.

The files, as they are at the moment, are a draft of an inference config that belongs to the service alone. A reload
makes another one with what has changed, and a revision of it that takes over once it has proven itself, as in an
update; the revisions before it go by themselves (deployments.control.drafts). The event of the reload keeps what ran.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from deployments.config import configs, deployment_config
from deployments.config.configs import CheckedConfig
from deployments.config.sources import Content
from deployments.control.facts import wanted_revision
from deployments.errors import ChangedMeanwhile, NotDevelopment
from deployments.models import InferenceConfig, Revision, Service
from deployments.models.config import ConfigKind
from deployments.services.deploy import deploy
from deployments.services.deploy_request import DeployRequest
from deployments.services.source import entry_of, read_environment
from registry.models import Artifact, Upload
from registry.store import artifacts, uploads
from studio.accounts.models import User
from studio.core.errors import BadInput


def reload(service: Service, actor: User, given: Mapping[str, Any]) -> Revision:
    """Run the service's files with some of them changed; what `given` does not name stays.

    `given`: what `source.read_source` takes, all of it optional; removed as paths;
    and base, the revision whose files it is about. Raises `BadInput` with the line at fault, before anything changes;
    `NotDevelopment`, `ChangedMeanwhile`, and as `deploy` does.
    """
    revision = source_revision(service)
    if given.get("base") and given["base"] != revision.number:
        raise ChangedMeanwhile(service.name)
    sent = uploads.find_all(service.workspace, actor, given.get("files", ()))
    before = files_of(revision.config)
    removed = {artifacts.safe_path(path) for path in given.get("removed", ())}
    changes = changes_of(before, sent, removed)
    request = DeployRequest(
        workspace=service.workspace,
        actor=actor,
        name=service.name,
        versions=[use.version for use in revision.models.select_related("version__model")],
        config=None,
        source=_changed(service, revision.config, before, sent, removed, given),
        target=service.target,
        deployment_config=deployment_config.read(revision.deployment_config),
        overwrite=True,
        changes=changes,
    )
    return deploy(request)


def source_revision(service: Service) -> Revision:
    """The revision whose files the service is to run. Raises `NotDevelopment`."""
    revision = wanted_revision(service)
    if not service.development or revision is None:
        raise NotDevelopment(service.name)
    return revision


def files_of(config: InferenceConfig) -> dict[str, Artifact]:
    """Its files by path."""
    return {file.path: file.artifact for file in config.files.select_related("artifact")}


def changes_of(before: Mapping[str, Artifact], sent: Iterable[Upload], removed: Iterable[str]) -> tuple[str, ...]:
    """What a reload changes, as its event tells it: 'changed score.py', 'added labels.txt', 'removed old.py'."""
    found = []
    for upload in sent:
        path = artifacts.safe_path(upload.path)
        is_same = path in before and upload.artifact is not None and before[path].digest == upload.artifact.digest
        if not is_same:
            found.append(f"{'changed' if path in before else 'added'} {path}")
    return (*found, *(f"removed {path}" for path in sorted(set(removed)) if path in before))


def _changed(
    service: Service,
    config: InferenceConfig,
    before: Mapping[str, Artifact],
    sent: Iterable[Upload],
    removed: set[str],
    given: Mapping[str, Any],
) -> CheckedConfig:
    """The config after the changes, checked."""
    if missing := sorted(removed - before.keys()):
        raise BadInput(f"'{missing[0]}' is not among the service's files.", field="removed")
    files: dict[str, Content] = {path: artifact for path, artifact in before.items() if path not in removed}
    files |= {artifacts.safe_path(upload.path): upload for upload in sent}
    variables = given.get("environment_variables")
    return configs.prepare(
        workspace=service.workspace,
        kind=ConfigKind.ENTRY_SCRIPT,
        entry_script=entry_of(given.get("entry_script") or config.entry_script, files),
        files=files,
        environment=read_environment(service.workspace, given) or config.environment,
        environment_variables=config.environment_variables if variables is None else variables,
    )
