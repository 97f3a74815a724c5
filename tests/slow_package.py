"""A source package whose build waits until a test opens the gate: an installation that is surely under way."""

import io
import socket
import tarfile
import threading
from pathlib import Path

NAME = "slow-demo"
METADATA = f"Metadata-Version: 2.2\nName: {NAME}\nVersion: 1.0\nRequires-Python: >=3.8\n"
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "slow-demo"
version = "1.0"
requires-python = ">=3.8"
"""
BACKEND = """
import os, socket, zipfile

INFO = "slow_demo-1.0.dist-info"


def build_wheel(folder, config_settings=None, metadata_directory=None):
    with socket.create_connection(("127.0.0.1", {port})) as gate:
        gate.settimeout(90)
        gate.recv(1)  # until it is closed
    name = "slow_demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("slow_demo.py", "ANSWER = 42\\n")
        wheel.writestr(INFO + "/METADATA", {metadata!r})
        wheel.writestr(INFO + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(INFO + "/RECORD", "")
    return name
"""


class Gate:
    """Where builds of the package connect to and wait, behind walls as well, until it is opened."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._opened = False
        self._waiting: list[socket.socket] = []
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def builds(self) -> int:
        """How many have begun and wait."""
        return len(self._waiting)

    def open(self) -> None:
        """Let those that wait go on, and all that come."""
        self._opened = True
        for connection in self._waiting:
            connection.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._opened:
                connection.close()
            else:
                self._waiting.append(connection)


def make_slow_package(wheels: Path, gate: Gate) -> str:
    """Put the package into a folder of wheels; the requirement that asks for it."""
    wheels.mkdir(parents=True, exist_ok=True)
    files = {
        "PKG-INFO": METADATA,
        "pyproject.toml": PROJECT,
        "backend.py": BACKEND.format(port=gate.port, metadata=METADATA),
    }
    with tarfile.open(wheels / "slow_demo-1.0.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            facts = tarfile.TarInfo(f"slow_demo-1.0/{name}")
            facts.size = len(text.encode())
            archive.addfile(facts, io.BytesIO(text.encode()))
    wheels.chmod(0o755)  # a user of its own builds
    for path in wheels.iterdir():
        path.chmod(0o644)
    return f"{NAME}==1.0"
