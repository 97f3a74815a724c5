"""Share the listening socket of a service's address between its replicas.

A replica that holds the socket sends a duplicate (SCM_RIGHTS) to each process of the same user that connects to a unix
socket in the service's folder. So the listening socket, and the connections in its queue, outlive each of the replicas.
"""

import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scoring.core.log import log

REPLY_SECONDS = 10.0  # a replica that is loading libraries answers after that
DESCRIPTOR_LINKS = Path("/proc/self/fd")


class Handover:
    """Hands out the socket that this replica holds, as long as no other replica does."""

    def __init__(self, path: Path, listener: socket.socket) -> None:
        self._path = path
        self._listener = listener
        self._lock = -1  # descriptor of the locked file; the kernel unlocks it however this process ends
        self._failed = False
        self.server: socket.socket | None = None  # readable when somebody asks

    def offer(self) -> None:
        """Open the server unless another replica has; to be called once a second, since that one may have gone."""
        if self.server is not None and self._path.exists():
            return
        try:
            if self._locked():
                self._close_server()
                self.server = listen_at_path(self._path)
            self._failed = False
        except OSError as error:
            if not self._failed:
                log(f"other replicas cannot take over the service's address: {error}", "E")
            self._failed = True

    def answer(self) -> None:
        """Hand the socket to all that have asked."""
        while self.server is not None:
            try:
                asking, _ = self.server.accept()
            except OSError:
                return
            with asking, suppress(OSError):  # it may have gone
                if _is_own_user(asking):
                    socket.send_fds(asking, [b"\0"], [self._listener.fileno()])

    def close(self) -> None:
        """Leave it to another replica."""
        if self.server is not None:
            self._path.unlink(missing_ok=True)
            self._close_server()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _locked(self) -> bool:
        if self._lock >= 0:
            return True
        descriptor = os.open(self._path.with_name(self._path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                return False
            raise
        self._lock = descriptor
        return True

    def _close_server(self) -> None:
        if self.server is not None:
            self.server.close()
            self.server = None


def take(path: Path, host: str, port: int) -> socket.socket | None:
    """The listening socket of an address from the replica that holds it; None when none answers, or with another."""
    flags = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking, _short(path) as name:
            asking.settimeout(REPLY_SECONDS)
            asking.connect(name)
            if not _is_own_user(asking):
                return None
            _, descriptors, _, _ = socket.recv_fds(asking, 1, 1, flags)
    except OSError:
        return None
    if not descriptors:
        return None
    os.set_inheritable(descriptors[0], False)
    listener = socket.socket(fileno=descriptors[0])
    if _listens_at(listener, host, port):
        listener.setblocking(False)
        return listener
    listener.close()
    return None


def listen_at_path(path: Path, backlog: int = 128) -> socket.socket:
    """A listening unix socket at the path, in place of one that a replica has left behind. OSError."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    scratch = path.with_name(path.name + ".new")
    try:
        scratch.unlink(missing_ok=True)
        with _short(scratch) as name:
            server.bind(name)
        scratch.chmod(0o600)
        server.listen(backlog)  # only now: before that nobody could connect
        server.setblocking(False)
        os.replace(scratch, path)
    except OSError:
        server.close()
        raise
    return server


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Another name of the path: the addresses of unix sockets are limited to about a hundred bytes."""
    if DESCRIPTOR_LINKS.exists():
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield f"{DESCRIPTOR_LINKS}/{folder}/{path.name}"
        finally:
            os.close(folder)
        return
    import tempfile

    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        link = Path(short, "d")
        link.symlink_to(path.parent)
        yield f"{link}/{path.name}"


def _is_own_user(peer: socket.socket) -> bool:
    """Whether the other side belongs to the user of this process; the file's mode sees to it where none can tell."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    size = struct.calcsize("3i")
    _, user, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return bool(user == os.geteuid())


def _listens_at(listener: socket.socket, host: str, port: int) -> bool:
    try:
        if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return False
        wanted = socket.getaddrinfo(host, port, listener.family, socket.SOCK_STREAM)
        return any(address[:2] == listener.getsockname()[:2] for *_, address in wanted)
    except OSError:
        return False
