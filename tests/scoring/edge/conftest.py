import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from scoring.edge.machine import this_python
from tests.scoring.conftest import ROOT, double_model, free_port, save
from tests.scoring.edge.edge_studio import DEVICE_KEY, EdgeStudio, files_below

KEY = "key-of-the-service"


class Device:
    """A folder with its agent.json, and the agent's process once it runs."""

    def __init__(self, studio: EdgeStudio) -> None:
        self.studio, self.folder, self.port = studio, Path(tempfile.mkdtemp(prefix="edge-")), free_port()
        self.process: subprocess.Popen | None = None
        self.configure()

    def configure(self, **changes) -> None:
        facts = {"studio": self.studio.url, "device": "7", "key": DEVICE_KEY, "public_key": self.studio.public_key}
        (self.folder / "agent.json").write_text(json.dumps(facts | changes))

    def start(self) -> "Device":
        command = [sys.executable, "-m", "scoring.edge", "agent", str(self.folder)]
        with (self.folder / "agent.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stderr=log)
        return self

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def servers(self) -> list[psutil.Process]:
        """Masters alone: their workers look alike."""
        found = self._processes()
        numbers = {process.pid for process in found}
        return [process for process in found if process.ppid() not in numbers]

    def _processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if str(self.folder) in " ".join(process.cmdline()) and "--console" in process.cmdline():
                    found.append(process)
        return found

    def lose_power(self) -> None:
        """Nothing of it lives on."""
        self.kill()
        for process in self._processes():
            with suppress(psutil.Error):
                process.kill()

    def score(self, value: float = 1.0) -> float | None:
        """What the model makes of it; None while nobody answers."""
        body = {"data": [[value] * 4]}
        try:
            headers = {"Authorization": f"Bearer {KEY}"}
            answer = httpx.post(f"http://127.0.0.1:{self.port}/score", json=body, headers=headers, timeout=5)
        except httpx.TransportError:
            return None
        return answer.json()["data"][0][0] if answer.status_code == 200 else None

    def status(self) -> int:
        return httpx.post(f"http://127.0.0.1:{self.port}/score", json={"data": [[1.0] * 4]}).status_code

    def log(self) -> str:
        return (self.folder / "agent.log").read_text()

    def close(self) -> None:
        if self.process is not None:
            self.lose_power()
        if not os.environ.get("KEEP_DEVICES"):
            shutil.rmtree(self.folder, ignore_errors=True)


class Releases:
    """Makes services for documents: `double` answers twice what it gets, `broken` has a model that is none."""

    def __init__(self, studio: EdgeStudio, device: Device, folder: Path) -> None:
        self.studio, self.device, self.folder, self.count = studio, device, folder, 0
        packages = next(path for path in sys.path if path.endswith("site-packages"))
        self.packages = studio.add_part({"of_the_studio.pth": f"{packages}\n".encode()})
        self.library = studio.add_part(files_below(ROOT / "scoring", "scoring/"))

    def double(self) -> dict:
        return self._release(double_model)

    def triple(self) -> dict:
        return self._release(_triple_model)

    def broken(self) -> dict:
        def maker(path):
            path.parent.mkdir(parents=True)
            path.write_bytes(b"no model")

        return self._release(maker)

    def _release(self, maker) -> dict:
        self.count += 1
        bundle = self.folder / str(self.count)
        maker(bundle / "models" / "iris" / "1" / "model.onnx")
        listed = [{"name": "iris", "version": 1, "path": "models/iris/1", "framework": "onnx"}]
        (bundle / "bundle.json").write_text(json.dumps({"kind": "no_code", "models": listed}))
        settings = {"service": "iris", "workspace": "vision", "revision": self.count, "recipe": f"r{self.count}"}
        release = {
            "revision": self.count,
            "python": this_python(),
            "settings": settings | {"processes": 1, "start_deadline_seconds": 30.0},
            "variables": {},
            "host": "127.0.0.1",
            "port": self.device.port,
            "parts": {
                "bundle": self.studio.add_part(files_below(bundle)),
                "library": self.library,
                "site-packages": self.packages,
            },
        }
        digest = hashlib.sha256(KEY.encode()).hexdigest()
        return {"id": 5, "name": "iris", "asked": 1.0, "keys": {"digests": [digest]}, "release": release}


def _triple_model(path: Path) -> Path:
    from onnx import TensorProto, helper

    three = helper.make_tensor("three", TensorProto.FLOAT, [1], [3.0])
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in "xy")
    return save(path, [helper.make_node("Mul", ["x", "three"], ["y"])], [x], [y], [three])


@pytest.fixture
def studio():
    made = EdgeStudio()
    yield made
    made.close()


@pytest.fixture
def device(studio):
    made = Device(studio)
    yield made
    made.close()


@pytest.fixture
def releases(studio, device, tmp_path):
    return Releases(studio, device, tmp_path)


def until(condition, device=None, seconds: float = 60.0):
    """What `condition` gives, once it gives something."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, device.log() if device else "it did not happen"
        time.sleep(0.1)
    return found
