"""The listening sockets, made by the master and shared by all workers; and the port that they listen on for gRPC."""

import errno
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from scoring.contract import RunSettings
from scoring.core.errors import StartFailure
from scoring.process.handover import listen_at_path, take

BACKLOG = 2048
RETRY_SECONDS = 2.0  # a predecessor may be about to end
HANDOVER_RETRY_SECONDS = 5.0  # when the replica that handed out the socket ends, another one notices after a second
Opened = TypeVar("Opened")


def listen(run: RunSettings) -> socket.socket:
    """A listening socket on the replica's address; StartFailure(port_taken) names who holds it."""
    if run.socket:
        return _listen_at_socket(Path(run.socket))
    return _retry_while_taken(lambda: _listen(run), run.host, run.port)


def is_handed_over(run: RunSettings) -> bool:
    """Whether another replica seems to have the address, and to hand its socket over."""
    return run.serve_on_request and bool(run.handover) and Path(run.handover).exists()


def listen_or_take(run: RunSettings) -> tuple[socket.socket, bool]:
    """The listening socket of an address that replicas share, and whether another one has handed it over."""

    def take_or_bind() -> tuple[socket.socket, bool]:
        taken = take(Path(run.handover), run.host, run.port) if run.handover else None
        return (taken, True) if taken is not None else (_listen(run), False)

    return _retry_while_taken(take_or_bind, run.host, run.port, HANDOVER_RETRY_SECONDS)


def _listen_at_socket(path: Path) -> socket.socket:
    """In place of what the replica before has left: a unix socket outlives who listens there."""
    try:
        return listen_at_path(path, BACKLOG)
    except OSError as error:
        raise StartFailure("internal", f"Nothing can listen at the unix socket {path}: {error}") from error


def listen_at_any_port() -> socket.socket:
    """A listening socket on a free port that only this machine reaches."""
    try:
        return listening("127.0.0.1", 0)
    except OSError as error:
        raise StartFailure("internal", f"Nothing can listen on a free port of 127.0.0.1: {error}") from error


def reserve(run: RunSettings, port: int, *, shared: bool = False) -> socket.socket:
    """Hold a port on which the workers will listen themselves; StartFailure(port_taken) names who holds it.

    Workers share it with SO_REUSEPORT, and so could anybody of this user. So it is first bound without, unless it is
    known to be `shared`; then with, but not listening, which keeps everybody out who does not share, the next replica
    among them.
    """
    return _retry_while_taken(lambda: _reserve(run, port, shared=shared or run.share_port), run.host, port)


def _retry_while_taken(
    open_socket: Callable[[], Opened], host: str, port: int, seconds: float = RETRY_SECONDS
) -> Opened:
    end = time.monotonic() + seconds
    while True:
        try:
            return open_socket()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise StartFailure("internal", f"Nothing can listen on {host}:{port}: {error}") from error
            if time.monotonic() > end:
                message = f"Port {port} of {host} is taken by another program."
                raise StartFailure("port_taken", message, _holder(port)) from error
        time.sleep(0.1)


def _reserve(run: RunSettings, port: int, *, shared: bool) -> socket.socket:
    if not shared:
        with socket.socket(_family(run.host), socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past connections may still linger
            probe.bind((run.host, port))
    held = socket.socket(_family(run.host), socket.SOCK_STREAM)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((run.host, port))
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # or others with it could bind beside us
    except OSError:
        held.close()
        raise
    return held


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _listen(run: RunSettings) -> socket.socket:
    return listening(run.host, run.port, share_port=run.share_port)


def listening(host: str, port: int, *, share_port: bool = False) -> socket.socket:
    """A listening socket. `share_port`: others that say so may listen there, too. OSError."""
    listener = socket.socket(_family(host), socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past connections may still linger
        if share_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited by what is accepted
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _holder(port: int) -> str:
    """Who listens on a port, as far as this user may see."""
    import psutil  # only here: it takes long to load

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                process = psutil.Process(connection.pid)
                return f"pid {process.pid}: {' '.join(process.cmdline())[:300]}"
    except psutil.Error:
        return "the holder cannot be seen by this user"
    return "the holder cannot be seen by this user"
