"""Create services: row, ports, keys, telemetry token, target."""

from django.db import IntegrityError, transaction

from deployments.errors import NameTaken, NoFreePort, PortTaken
from deployments.models import Port, Service, Target
from deployments.services.keys import create_keys
from deployments.services.ports import claim, free_port
from deployments.targets.kinds import kind_of
from studio.accounts.models import User, Workspace
from studio.core.secrets import digest_of, new_secret

LOCAL = "local"  # the target that is this machine
PORT_TRIES = 20


def create_service(
    workspace: Workspace, actor: User, name: str, target: Target | None = None, *, development: bool = False
) -> Service:
    """A new service with keys and, where its target needs ports, a port. Call it inside the transaction that adds its
    first revision.

    `target`: None for this machine. Raises `NameTaken` when somebody else was first, and `NoFreePort`.
    """
    service = _insert(workspace, actor, name, target or local_target(workspace), development)
    if kind_of(service.target.kind).needs_ports:
        _give_port(service, Port.Use.HTTP)
    create_keys(service)
    return service


def local_target(workspace: Workspace) -> Target:
    """This machine, as a target of the workspace; created when it is first needed."""
    return Target.objects.get_or_create(workspace=workspace, name=LOCAL, defaults={"kind": "local"})[0]


def give_grpc_port(service: Service) -> None:
    """Ports for gRPC that it has not got yet: its own, if its target needs ports, and the one at the front, wherever it
    runs. Raises `NoFreePort`."""
    if service.grpc_port is None and kind_of(service.target.kind).needs_ports:
        _give_port(service, Port.Use.GRPC)
    if service.front_port is None:
        _give_port(service, Port.Use.FRONT)


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


def _insert(workspace: Workspace, actor: User, name: str, target: Target, development: bool) -> Service:
    """Insert the row; the unique constraint on the name decides between people who come at once."""
    token = new_secret()
    service = Service(
        workspace=workspace,
        name=name,
        target=target,
        development=development,
        created_by=actor,
        telemetry_token=token,
        telemetry_digest=digest_of(token),
    )
    try:
        with transaction.atomic():
            service.save(force_insert=True)
    except IntegrityError as error:
        raise NameTaken(name) from error
    return service
