"""Deploy: create a service, or give an existing one a new revision. All of it is written in one transaction."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from deployments.builds import builds
from deployments.config import deployment_config
from deployments.config.deployment_config import config_of
from deployments.config.scaling import figures_in
from deployments.control.facts import wanted_revision
from deployments.desired_state import change, record_event, request_advance, transition_columns
from deployments.errors import IsDevelopment, LabelTaken, NameTaken, NotDevelopment
from deployments.events import SERVICE_DEPLOYED, SERVICE_RELOADED, SERVICE_UPDATED
from deployments.models import Desired, InferenceConfig, Revision, RevisionModel, Service
from deployments.recipe.recipe import content_hash, revision_hash
from deployments.services import operations, source
from deployments.services.create import create_service, give_grpc_port, give_token_secret
from deployments.services.default_config import ensure_default_config
from deployments.services.deploy_request import DeployRequest
from deployments.services.keys import choose_keys
from deployments.services.operations import Verb
from deployments.traffic.rules import complete_shares
from deployments.traffic.shares import Share, give_shares, shares_of
from deployments.version_uses import record_uses
from studio.accounts.models import Workspace


def deploy(request: DeployRequest) -> Revision:
    """Create the service or, with `overwrite`, update the one of that name. Whatever fails leaves nothing behind.

    The revision that it makes answers requests once it is built and has proved itself; until then an existing service
    goes on with the one before it. With `traffic` it runs beside the others instead, and gets that share once it is
    ready.
    Raises `NameTaken`, `LabelTaken`, `ChangedMeanwhile`, `NoFreePort`, `NotDevelopment`, `IsDevelopment`, and as
    `operations.check` does.
    """
    with transaction.atomic():
        existing = existing_service(request.workspace, request.name)
        if existing and not request.overwrite:
            raise NameTaken(request.name)
        if existing:
            _check_ways(existing, request)
        service = existing or _create(request)
        config = _config_of(service, request)
        beside = existing is not None and request.traffic is not None and bool(service.default_revision)
        if existing:
            operations.check(service, Verb.CHANGE_TRAFFIC if beside else Verb.UPDATE)
        revision = _add_revision(service, request, config, beside=beside)
        _record(service, request, revision, is_new=existing is None)
        choose_keys(service, request.actor, request.keys)
        if beside:
            _give_share(service, request, revision)
        record_uses(service)
        if service.development:
            builds.cancel_others(revision, request.actor)
        builds.build_for(revision)
        request_advance(service)
    service.refresh_from_db()
    return revision


def existing_service(workspace: Workspace, name: str) -> Service | None:
    return Service.objects.in_workspace(workspace).select_related("target", "workspace").filter(name=name).first()


def _create(request: DeployRequest) -> Service:
    is_development = request.source is not None
    return create_service(request.workspace, request.actor, request.name, request.target, development=is_development)


def _check_ways(service: Service, request: DeployRequest) -> None:
    """What is registered and what is not do not take turns in a service: its history would tell half of it."""
    if request.source and not service.development:
        raise NotDevelopment(service.name)
    if service.development and request.config and not request.config.draft:
        raise IsDevelopment(service.name, f"{request.config} cannot be deployed there")


def _config_of(service: Service, request: DeployRequest) -> InferenceConfig:
    if request.source:
        return source.keep(request.source, service, request.actor)
    return request.config or ensure_default_config(request.versions[0], request.actor)


def _record(service: Service, request: DeployRequest, revision: Revision, *, is_new: bool) -> None:
    """The event. That of a reload keeps what ran, as revisions of development services go again."""
    number = revision.number
    if request.source and not is_new:
        details = {"revision": number, "changes": list(request.changes), "content": revision.content_hash}
        record_event(SERVICE_RELOADED, service, request.actor, reason=request.reason, **details)
        return
    kind = SERVICE_DEPLOYED if is_new else SERVICE_UPDATED
    models = [str(version) for version in request.versions]
    record_event(kind, service, request.actor, reason=request.reason, revision=number, models=models)


def _give_share(service: Service, request: DeployRequest, revision: Revision) -> None:
    """The revision runs beside the others, which go on; its share counts once it is ready."""
    shares = shares_of(service) | {revision.number: Share(request.traffic or 0.0)}
    kept = {number: share.percent for number, share in shares.items() if number != service.default_revision}
    mirrors = {number: share.mirror_percent for number, share in shares.items()}
    completed = complete_shares(kept, mirrors, service.default_revision)
    give_shares(service, completed, service.default_revision, actor=request.actor, reason=request.reason)


def _check_label(service: Service, label: str) -> None:
    taken = service.revisions.filter(label=label).values_list("number", flat=True).first() if label else None
    if taken:
        raise LabelTaken(service.name, label, taken)


def _columns(number: int, *, beside: bool) -> dict[str, Any]:
    """What changes of the service; beside others, what people see of it stays."""
    if beside:
        now = timezone.now()
        return {"due_at": now, "updated_at": now, "last_revision": number}
    wanted = {"desired": Desired.RUNNING, "last_revision": number, "wanted_revision": number}
    return transition_columns() | wanted


def _add_revision(service: Service, request: DeployRequest, config: InferenceConfig, *, beside: bool) -> Revision:
    """Freeze the request as the newest revision; of two people at once, one gets `ChangedMeanwhile`."""
    _check_label(service, request.label)
    present = wanted_revision(service)
    number = service.last_revision + 1
    columns = _columns(number, beside=beside)
    if request.description is not None:
        columns["description"] = request.description
    if request.names_replicas and figures_in(request.deployment_config) != figures_in(config_of(present)):
        columns["scaling"] = {}  # what was set in place gives way to other figures, not to the same ones sent again
    change(service, **columns)
    if request.deployment_config.grpc:
        give_grpc_port(service)
    if request.deployment_config.credential == "token":
        give_token_secret(service)
    stored = deployment_config.to_json(request.deployment_config)
    revision = Revision.objects.create(
        service=service,
        number=number,
        label=request.label,
        config=config,
        deployment_config=stored,
        content_hash=content_hash(request.versions, config),
        revision_hash=revision_hash(request.versions, config, stored),
        reason=request.reason,
        created_by=request.actor,
    )
    RevisionModel.objects.bulk_create(RevisionModel(revision=revision, version=one) for one in request.versions)
    return revision
