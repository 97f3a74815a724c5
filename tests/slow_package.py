"""A source package whose build waits until a test opens the gate: an installation that is surely under way."""

import io
import tarfile
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
import os, pathlib, time, zipfile

GATE = pathlib.Path({gate!r})
INFO = "slow_demo-1.0.dist-info"


def build_wheel(folder, config_settings=None, metadata_directory=None):
    (GATE / f"building-{{os.getpid()}}").touch()
    until = time.monotonic() + 90
    while not (GATE / "open").exists() and time.monotonic() < until:
        time.sleep(0.05)
    name = "slow_demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("slow_demo.py", "ANSWER = 42\\n")
        wheel.writestr(INFO + "/METADATA", {metadata!r})
        wheel.writestr(INFO + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(INFO + "/RECORD", "")
    return name
"""


class Gate:
    """The folder in which builds of the package report, and where `open` lets them go on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)

    def builders(self) -> list[int]:
        """Process ids of the builds that have begun."""
        return [int(path.name.removeprefix("building-")) for path in self.folder.glob("building-*")]

    def open(self) -> None:
        (self.folder / "open").touch()


def make_slow_package(wheels: Path, gate: Gate) -> str:
    """Put the package into a folder of wheels; the requirement that asks for it."""
    wheels.mkdir(parents=True, exist_ok=True)
    files = {
        "PKG-INFO": METADATA,
        "pyproject.toml": PROJECT,
        "backend.py": BACKEND.format(gate=str(gate.folder), metadata=METADATA),
    }
    with tarfile.open(wheels / "slow_demo-1.0.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            facts = tarfile.TarInfo(f"slow_demo-1.0/{name}")
            facts.size = len(text.encode())
            archive.addfile(facts, io.BytesIO(text.encode()))
    return f"{NAME}==1.0"
