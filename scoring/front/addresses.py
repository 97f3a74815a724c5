"""Connections to replicas: over TCP, or over a unix socket that must be what the routing file says.

Whoever owns a socket's folder can lay a link there to another program's socket, so the last part of its path is opened
without following links, and both the socket and who answers there must belong to the expected user.
"""

import asyncio
import os
import socket
import stat
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from scoring.front.state import Replica
from scoring.front.upstream import Upstream

CONNECT_SECONDS = 2.0
PROBE_SECONDS = 2.0
Made = TypeVar("Made", bound=asyncio.Protocol)
UNIX = "unix:"
PROBE = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"


class Unreachable(Exception):
    """No connection."""


async def connect(replica: Replica, make: Callable[[], Upstream]) -> Upstream:
    """A new connection."""
    opened = None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            opened = await open_socket(replica.address, replica.owner)
            return await attach(make, opened)
    except (OSError, TimeoutError) as error:
        if opened is not None:
            opened.close()
        raise Unreachable(str(error)) from error


async def attach(make: Callable[[], Made], opened: socket.socket) -> Made:
    """A connected socket with a protocol."""
    loop = asyncio.get_running_loop()
    if opened.family == socket.AF_UNIX:
        return (await loop.create_unix_connection(make, sock=opened))[1]
    return (await loop.create_connection(make, sock=opened))[1]


async def probe(replica: Replica) -> bool:
    """Whether it answers at its health page."""
    loop = asyncio.get_running_loop()
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(PROBE_SECONDS):
            opened = await open_socket(replica.address, replica.owner)
            with opened:
                await loop.sock_sendall(opened, PROBE)
                return (await loop.sock_recv(opened, 64)).startswith(b"HTTP/1.1 200")
    return False


async def open_socket(address: str, owner: int | None) -> socket.socket:
    """A socket connected to `host:port`, or to `unix:/path` of a user. OSError."""
    loop = asyncio.get_running_loop()
    if address.startswith(UNIX):
        return await _open_unix(address.removeprefix(UNIX), owner)
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if host.replace(".", "").isdigit() or ":" in host:
        found = (host, int(port))
    else:
        family, _, _, _, found = (await loop.getaddrinfo(host, int(port), type=socket.SOCK_STREAM))[0]  # type: ignore[assignment]
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(opened, found)
    except BaseException:
        opened.close()
        raise
    return opened


async def _open_unix(path: str, owner: int | None) -> socket.socket:
    found = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        about = os.fstat(found)
        if not stat.S_ISSOCK(about.st_mode) or (owner is not None and about.st_uid != owner):
            raise OSError(f"{path} is no socket of user {owner}")
        opened.setblocking(False)
        await asyncio.get_running_loop().sock_connect(opened, f"/proc/self/fd/{found}")
        _, user, _ = struct.unpack(
            "3i", opened.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        )
        if owner is not None and user != owner:
            raise OSError(f"who answers at {path} runs as user {user}, not {owner}")
    except BaseException:
        opened.close()
        raise
    finally:
        os.close(found)
    return opened
