"""Connect to a unix socket that user code may have replaced by something else.

Whoever owns a socket's folder can lay a link there to another program's socket. So the last part of its path is opened
without following links, and both the socket and who answers there must belong to the expected user.
"""

import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager

PREFIX = "unix:"  # of an endpoint's address
CREDENTIALS = "3i"


@contextmanager
def checked_path(path: str, owner: int) -> Iterator[str]:
    """Another name of the socket at `path`, which leads to it whatever is laid in its place meanwhile. OSError where it
    is no socket of the user's, or where somebody else answers."""
    found = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        about = os.fstat(found)
        if not stat.S_ISSOCK(about.st_mode) or about.st_uid != owner:
            raise OSError(f"{path} is no socket of user {owner}")
        yield f"/proc/self/fd/{found}"
    finally:
        os.close(found)


def connect(path: str, owner: int, seconds: float) -> socket.socket:
    """A connection to who listens there. OSError."""
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        opened.settimeout(seconds)
        with checked_path(path, owner) as name:
            opened.connect(name)
        check_peer(opened, path, owner)
    except BaseException:
        opened.close()
        raise
    return opened


def check_peer(opened: socket.socket, path: str, owner: int) -> None:
    """OSError where who answers runs as another user."""
    told = opened.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(CREDENTIALS))
    _, user, _ = struct.unpack(CREDENTIALS, told)
    if user != owner:
        raise OSError(f"who answers at {path} runs as user {user}, not {owner}")
