"""Debian's docker-registry on loopback, open or with a password."""

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager

import bcrypt
import httpx

from tests.conftest import require


@contextmanager
def registry_at(folder, *, user="", password=""):
    """The address of a registry that runs while the block does."""
    program = shutil.which("docker-registry")
    if program is None:
        require("docker", "there is no docker-registry; apt install docker-registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    folder.mkdir()
    auth = ""
    if user:
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(5)).decode()
        (folder / "htpasswd").write_text(f"{user}:{hashed}\n")
        auth = f"auth:\n  htpasswd:\n    realm: test\n    path: {folder}/htpasswd\n"
    (folder / "config.yml").write_text(
        f"version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {folder}/data\n"
        f"http:\n  addr: {address}\n{auth}"
    )
    with subprocess.Popen([program, "serve", str(folder / "config.yml")], stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(address)
            yield address
        finally:
            process.terminate()


def _wait_for(address):
    for _ in range(100):
        try:
            httpx.get(f"http://{address}/v2/")
            return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise AssertionError("the registry did not start")
