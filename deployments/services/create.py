"""What a service gets once, at its birth: its row and port, its keys, its telemetry token, its target."""

import hashlib
import secrets

from django.db import IntegrityError, transaction

from deployments.errors import NameTaken, NoFreePort, PortTaken
from deployments.models import Key, Port, Service, Target
from deployments.services.ports import claim, free_port
from studio.accounts.models import User, Workspace
from studio.core.errors import NotFound

PORT_TRIES = 20
SLOTS = ("primary", "secondary")


def found(workspace: Workspace, actor: User, name: str, target: Target | None = None) -> Service:
    """A new service with secrets and a port. Call it inside the transaction that adds its first revision.

    Raises `NameTaken` when somebody else was first, `NotFound` for a target of another workspace, `NoFreePort`.
    """
    if target is not None and target.workspace_id != workspace.pk:
        raise NotFound(f"There is no target '{target}' in {workspace}.", field="target")
    service = _with_name(workspace, actor, name, target or local_target(workspace))
    _give_port(service, Port.Use.HTTP)
    Key.objects.bulk_create(Key(service=service, slot=slot, value=new_secret()) for slot in SLOTS)
    return service


def local_target(workspace: Workspace) -> Target:
    """This machine, as a target of the workspace; made when it is first asked for."""
    return Target.objects.get_or_create(workspace=workspace, name="local", defaults={"kind": "local"})[0]


def new_secret() -> str:
    """256 random bits, printable."""
    return secrets.token_urlsafe(32)


def give_grpc_port(service: Service) -> None:
    """A second port, for gRPC, if it has none yet; raises `NoFreePort`."""
    if service.grpc_port is None:
        _give_port(service, Port.Use.GRPC)


def give_token_secret(service: Service) -> None:
    """What its access tokens are signed with, if it has none yet."""
    if not service.token_secret:
        service.token_secret = new_secret()
        service.save(update_fields=["token_secret"])


def _give_port(service: Service, use: Port.Use) -> None:
    for _ in range(PORT_TRIES):
        try:
            return claim(service, use, free_port())
        except PortTaken:
            continue  # it went to somebody else since it was seen to be free
    raise NoFreePort()


def _with_name(workspace: Workspace, actor: User, name: str, target: Target) -> Service:
    """Insert the row; the unique constraint on the name decides between people who come at once."""
    token = new_secret()
    service = Service(
        workspace=workspace,
        name=name,
        target=target,
        created_by=actor,
        telemetry_token=token,
        telemetry_digest=hashlib.sha256(token.encode()).hexdigest(),
    )
    try:
        with transaction.atomic():
            service.save(force_insert=True)
    except IntegrityError as error:
        raise NameTaken(name) from error
    return service
