"""The listening socket, made by the master and shared by all workers."""

import errno
import socket
import time

import psutil

from scoring.contract import RunSettings
from scoring.errors import StartFailure

BACKLOG = 2048
PATIENCE_SECONDS = 2.0  # a predecessor may be about to end
MISSING_ADDRESS = (errno.EADDRNOTAVAIL, errno.EACCES)


def listen(run: RunSettings) -> socket.socket:
    """A listening socket on the replica's address; StartFailure(port_taken) names who holds it."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return _listen(run)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise StartFailure("internal", f"Nothing can listen on {run.host}:{run.port}: {error}") from error
            if time.monotonic() > end:
                message = f"Port {run.port} of {run.host} is taken by another program."
                raise StartFailure("port_taken", message, _holder(run.port)) from error
        time.sleep(0.1)


def _listen(run: RunSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in run.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past connections may still linger
        if run.share_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited by what is accepted
        listener.bind((run.host, run.port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _holder(port: int) -> str:
    """Who listens on a port, as far as this user may see."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                process = psutil.Process(connection.pid)
                return f"pid {process.pid}: {' '.join(process.cmdline())[:300]}"
    except psutil.Error:
        return "the holder cannot be seen by this user"
    return "the holder cannot be seen by this user"
