"""Ports of the local target: each service keeps its own for its life, so that its address never changes."""

import random
import socket

from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction

from deployments.errors import NoFreePort, PortTaken
from deployments.models import Port, Service

DEADLOCK = "40P01"  # SQLSTATE
COLUMNS = {Port.Use.HTTP: "port", Port.Use.GRPC: "grpc_port", Port.Use.FRONT: "front_port"}


def free_port() -> int:
    """A port that no service has and nobody on this machine listens on; raises `NoFreePort`.

    Another deployment may take it a moment later: `claim` decides, and the caller asks again. Picking at random
    keeps two callers from racing for the same one.
    """
    first, last = settings.SLIPWAY["LOCAL_PORTS"]
    taken = set(Port.objects.values_list("number", flat=True))
    candidates = [port for port in range(first, last + 1) if port not in taken]
    random.shuffle(candidates)
    for port in candidates:
        if _is_free(port):
            return port
    raise NoFreePort


def claim(service: Service, use: Port.Use, number: int) -> None:
    """Hold a port for the service's life. Raises `PortTaken`, which names the service that has it, be it this one."""
    try:
        with transaction.atomic():
            Port.objects.create(number=number, service=service, use=use)
            Service.objects.filter(pk=service.pk).update(**{COLUMNS[use]: number})
    except IntegrityError as error:
        held = Port.objects.select_related("service").filter(pk=number).first()
        if held is None:
            raise
        raise PortTaken(number, held.service.name, held.get_use_display()) from error
    except OperationalError as error:
        # Two deployments, each of which is about to get as its gRPC port what the other has as its HTTP port.
        if getattr(error.__cause__, "sqlstate", None) != DEADLOCK:
            raise
        raise PortTaken(number, "another deployment", "HTTP") from error
    setattr(service, COLUMNS[use], number)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
