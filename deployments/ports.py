"""Ports of the local target: each service keeps its own for its life, so that its address never changes."""

import random
import socket

from django.conf import settings

from deployments.errors import NoFreePort
from deployments.models import Service


def free_port() -> int:
    """A port that no service has and nobody on this machine listens on; raises `NoFreePort`.

    Another deployment may take it a moment later: the table's unique constraint decides, and the caller
    asks again. Picking at random keeps two callers from racing for the same one.
    """
    first, last = settings.SLIPWAY["LOCAL_PORTS"]
    taken = {port for both in Service.objects.values_list("port", "grpc_port") for port in both}
    candidates = [port for port in range(first, last + 1) if port not in taken]
    random.shuffle(candidates)
    for port in candidates:
        if _nobody_listens(port):
            return port
    raise NoFreePort


def _nobody_listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
