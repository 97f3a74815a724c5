"""What people do with services: deploy, update, stop, start, delete, change a key.

Each verb changes what is wanted in one conditional update and wakes the reconcile loop, which does the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from deployments import events
from deployments.builds import builds
from deployments.config import configs, deployment_config
from deployments.config.options import DeploymentConfig
from deployments.desired_state import change, moved, tell
from deployments.errors import BadDeploymentConfig, BeingDeleted, NameTaken, VersionNotReady
from deployments.models import Desired, InferenceConfig, Phase, Revision, RevisionModel, Service, Target
from deployments.models.config import ConfigKind
from deployments.recipe.recipe import content_hash, revision_hash
from deployments.services import create, names, samples
from deployments.traffic.activation import activate
from registry.models import ModelVersion, VersionState
from studio.accounts.models import User, Workspace, slug_rule
from studio.activity.events import EventType
from studio.core.enqueue import enqueue_task_on_commit
from studio.core.errors import BadInput, NotFound
from studio.core.jobs import JobState

__all__ = ["activate", "delete", "deploy", "regenerate_key", "start", "stop"]


@dataclass(frozen=True)
class Recipe:
    """What one revision is made of, checked and complete."""

    versions: Sequence[ModelVersion]
    config: InferenceConfig
    deployment_config: DeploymentConfig
    reason: str = ""


def deploy(  # noqa: PLR0913 - the fields of a form, all by keyword
    *,
    workspace: Workspace,
    actor: User,
    name: str,
    versions: Sequence[ModelVersion],
    config: InferenceConfig | None = None,
    target: Target | None = None,
    deployment_config: dict[str, Any] | None = None,
    description: str | None = None,
    reason: str = "",
    overwrite: bool = False,
) -> Service:
    """Make a service of these versions, or (with `overwrite`) give an existing one a new revision.

    The revision answers requests once it is built; until then an existing service goes on with its old one.
    Raises `BadInput` (name, config), `NotFound` (something of another workspace), `VersionNotReady`,
    `NameTaken`, `BeingDeleted`, `ChangedMeanwhile` and `NoFreePort`.
    """
    _check_name(name)
    recipe = _checked(workspace, actor, versions, config, deployment_config, reason)
    with transaction.atomic():
        existing = existing_service(workspace, name)
        if existing and not overwrite:
            raise NameTaken(name)
        service = existing or create.found(workspace, actor, name, target)
        revision = _add_revision(service, actor, recipe, description)
        kind = events.SERVICE_UPDATED if existing else events.SERVICE_DEPLOYED
        models = [str(version) for version in recipe.versions]
        tell(kind, service, actor, reason=reason, revision=revision.number, models=models)
        build = builds.build_for(revision)
    if build.state == JobState.SUCCEEDED:
        activate(revision)
    service.refresh_from_db()
    return service


def existing_service(workspace: Workspace, name: str) -> Service | None:
    return Service.objects.in_workspace(workspace).select_related("target", "workspace").filter(name=name).first()


def stop(service: Service, actor: User) -> None:
    """End the process; name, address and keys stay."""
    _want(service, actor, Desired.STOPPED, events.SERVICE_STOPPED)


def start(service: Service, actor: User) -> None:
    """Run it again; also the way to try once more after a failure."""
    _want(service, actor, Desired.RUNNING, events.SERVICE_STARTED)


def delete(service: Service, actor: User) -> None:
    """Remove the process and everything of the service; the loop frees its name when the process is gone."""
    _want(service, actor, Desired.DELETED, events.SERVICE_DELETION_REQUESTED)


def regenerate_key(service: Service, slot: str, actor: User) -> None:
    """Replace the primary or secondary key; the old one stops working within seconds."""
    key = service.keys.filter(slot=slot).first()
    if key is None:
        raise NotFound(f"There is no key '{slot}'.", hint="A service has a primary and a secondary key.")
    with transaction.atomic():
        key.value = create.new_secret()
        key.save(update_fields=["value", "created_at"])
        change(service, generation=F("generation") + 1, due_at=timezone.now())
        tell(events.KEY_REGENERATED, service, actor, slot=slot)
        enqueue_task_on_commit("deployments.tasks.reconcile", service.pk)


def _check_name(name: str) -> None:
    try:
        slug_rule(name)
    except ValidationError as error:
        raise BadInput(
            f"'{name}' is not a possible service name. {error.messages[0]}",
            hint=f"For example: {names.like(name)}.",
            field="name",
        ) from error


def _checked(
    workspace: Workspace,
    actor: User,
    versions: Sequence[ModelVersion],
    config: InferenceConfig | None,
    given: dict[str, Any] | None,
    reason: str,
) -> Recipe:
    """The recipe, with everything that was left out filled in."""
    if not versions:
        raise BadInput(
            "A service needs at least one model version.", hint="Choose one, for example iris:1.", field="models"
        )
    for version in versions:
        _check_version(workspace, version)
    if config is not None and config.workspace_id != workspace.pk:
        raise NotFound(f"There is no inference config '{config}' in {workspace}.", field="config")
    unique = list({version.pk: version for version in versions}.values())
    recipe = Recipe(
        versions=unique,
        config=config or _default_config(unique, actor),
        deployment_config=deployment_config.complete(given, unique),
        reason=reason,
    )
    if recipe.deployment_config.grpc and recipe.config.kind == ConfigKind.ENTRY_SCRIPT:
        raise BadDeploymentConfig(
            "gRPC is for models that are served without code; this service runs an entry script.",
            hint="Leave gRPC off, or deploy an ONNX model without an inference config.",
            field="grpc",
        )
    return recipe


def _check_version(workspace: Workspace, version: ModelVersion) -> None:
    if version.workspace_id != workspace.pk:
        raise NotFound(f"There is no model version '{version}' in {workspace}.", field="models")
    if version.state == VersionState.UPLOADED:
        raise VersionNotReady(
            f"{version} cannot be deployed yet: it {_inspection_of(version)}.",
            hint="Deploy it once it is ready; its page and GET versions/name:number tell when that is.",
            field="models",
        )
    if version.state == VersionState.REJECTED:
        why = (version.rejection or {}).get("message", "")
        raise VersionNotReady(
            f"{version} was rejected: {why}", hint="Register a corrected version and deploy that one.", field="models"
        )


def _inspection_of(version: ModelVersion) -> str:
    job = version.inspections.order_by("pk").last()
    ahead = job.ahead() if job and job.state == JobState.QUEUED else 0
    return f"waits to be inspected, with {ahead} before it" if ahead else "is being inspected"


def _default_config(versions: Sequence[ModelVersion], actor: User) -> InferenceConfig:
    if len(versions) == 1:
        return samples.config_for(versions[0], actor) or configs.default_for(versions[0], actor)
    raise BadInput(
        "Several models in one service need an entry script that says what to do with them.",
        hint="Create an inference config with an entry script and choose it here.",
        field="config",
    )


def _add_revision(service: Service, actor: User, recipe: Recipe, description: str | None) -> Revision:
    """Freeze the recipe as the newest revision; of two people at once, one gets `ChangedMeanwhile`."""
    if service.desired == Desired.DELETED:
        raise BeingDeleted(service.name)
    facts = moved() | {"desired": Desired.RUNNING, "last_revision": service.last_revision + 1}
    if description is not None:
        facts["description"] = description
    change(service, **facts)
    if recipe.deployment_config.grpc:
        create.give_grpc_port(service)
    if recipe.deployment_config.credential == "token":
        create.give_token_secret(service)
    stored = deployment_config.to_json(recipe.deployment_config)
    revision = Revision.objects.create(
        service=service,
        number=service.last_revision + 1,
        config=recipe.config,
        deployment_config=stored,
        content_hash=content_hash(recipe.versions, recipe.config),
        revision_hash=revision_hash(recipe.versions, recipe.config, stored),
        reason=recipe.reason,
        created_by=actor,
    )
    RevisionModel.objects.bulk_create(RevisionModel(revision=revision, version=version) for version in recipe.versions)
    return revision


def _want(service: Service, actor: User, desired: str, kind: EventType) -> None:
    if service.desired == Desired.DELETED:
        if desired == Desired.DELETED:
            return
        raise BeingDeleted(service.name)
    facts = moved() | {"desired": desired}
    with transaction.atomic():
        change(service, **facts)
        tell(kind, service, actor)
        enqueue_task_on_commit("deployments.tasks.reconcile", service.pk)
    service.desired, service.generation, service.changed_at = desired, service.generation + 1, facts["changed_at"]
    service.phase, service.cause = Phase.TRANSITIONING, None
