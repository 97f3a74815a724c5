"""Ask `/healthz` with nothing but a socket, so that the supervisor stays small."""

import json
import socket
from contextlib import closing
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Health:
    """`missing` names what does not answer yet."""

    ok: bool
    missing: list[str] = field(default_factory=list)


def ask(host: str, port: int, timeout: float = 1.0) -> Health:
    """The studio's health, or `missing=["web"]` when nothing answers within `timeout` seconds."""
    try:
        with closing(socket.create_connection((host, port), timeout)) as connection:
            connection.settimeout(timeout)
            connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        if b" 200 " in head.split(b"\r\n", 1)[0]:
            return Health(True)
        return Health(False, list(json.loads(body).get("missing", [])))
    except (OSError, ValueError, AttributeError):
        return Health(False, ["web"])
