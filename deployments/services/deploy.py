"""Deploy: create a service, or give an existing one a new revision. All of it is written in one transaction."""

from django.db import transaction

from deployments.builds import builds
from deployments.config import deployment_config
from deployments.desired_state import change, record_event, request_advance, transition_columns
from deployments.errors import BeingDeleted, NameTaken
from deployments.events import SERVICE_DEPLOYED, SERVICE_UPDATED
from deployments.models import Desired, InferenceConfig, Revision, RevisionModel, Service
from deployments.recipe.recipe import content_hash, revision_hash
from deployments.services.create import create_service, give_grpc_port, give_token_secret
from deployments.services.default_config import ensure_default_config
from deployments.services.deploy_request import DeployRequest
from deployments.version_uses import record_uses
from studio.accounts.models import Workspace


def deploy(request: DeployRequest) -> Service:
    """Create the service or, with `overwrite`, update the one of that name. Whatever fails leaves nothing behind.

    The revision answers requests once it is built and has proved itself; until then an existing service goes on with
    the one before it.
    Raises `NameTaken`, `BeingDeleted`, `ChangedMeanwhile` and `NoFreePort`.
    """
    with transaction.atomic():
        existing = existing_service(request.workspace, request.name)
        if existing and not request.overwrite:
            raise NameTaken(request.name)
        service = existing or create_service(request.workspace, request.actor, request.name, request.target)
        config = request.config or ensure_default_config(request.versions[0], request.actor)
        revision = _add_revision(service, request, config)
        record_event(
            SERVICE_UPDATED if existing else SERVICE_DEPLOYED,
            service,
            request.actor,
            reason=request.reason,
            revision=revision.number,
            models=[str(version) for version in request.versions],
        )
        record_uses(service)
        builds.build_for(revision)
        request_advance(service)
    service.refresh_from_db()
    return service


def existing_service(workspace: Workspace, name: str) -> Service | None:
    return Service.objects.in_workspace(workspace).select_related("target", "workspace").filter(name=name).first()


def _add_revision(service: Service, request: DeployRequest, config: InferenceConfig) -> Revision:
    """Freeze the request as the newest revision; of two people at once, one gets `ChangedMeanwhile`."""
    if service.desired == Desired.DELETED:
        raise BeingDeleted(service.name)
    number = service.last_revision + 1
    columns = transition_columns() | {"desired": Desired.RUNNING}
    columns |= {"last_revision": number, "wanted_revision": number}
    if request.description is not None:
        columns["description"] = request.description
    change(service, **columns)
    if request.deployment_config.grpc:
        give_grpc_port(service)
    if request.deployment_config.credential == "token":
        give_token_secret(service)
    stored = deployment_config.to_json(request.deployment_config)
    revision = Revision.objects.create(
        service=service,
        number=number,
        config=config,
        deployment_config=stored,
        content_hash=content_hash(request.versions, config),
        revision_hash=revision_hash(request.versions, config, stored),
        reason=request.reason,
        created_by=request.actor,
    )
    RevisionModel.objects.bulk_create(RevisionModel(revision=revision, version=one) for one in request.versions)
    return revision
