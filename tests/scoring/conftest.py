"""Real scoring servers on real ports, with models made here."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import httpx
import onnx
import psutil
import pytest
from onnx import TensorProto, helper

ROOT = Path(__file__).resolve().parents[2]
KEY, SECOND_KEY = "first-key", "second-key"
KINDS = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def save(path: Path, nodes, inputs, outputs, constants=(), *, opset=17) -> Path:
    graph = helper.make_graph(nodes, "test", inputs, outputs, initializer=list(constants))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8 if opset < 20 else 10)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))
    return path


def double_model(path: Path) -> Path:
    """y = 2 x, for x of shape [any, 4]."""
    two = helper.make_tensor("two", TensorProto.FLOAT, [1], [2.0])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])
    return save(path, [helper.make_node("Mul", ["x", "two"], ["y"])], [x], [y], [two])


def sum_model(path: Path) -> Path:
    """total = a + b and difference = a - b, for vectors of any length."""
    a, b, total, difference = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("a", "b", "total", "difference")
    )
    nodes = [helper.make_node("Add", ["a", "b"], ["total"]), helper.make_node("Sub", ["a", "b"], ["difference"])]
    return save(path, nodes, [a, b], [total, difference])


def kinds_model(path: Path) -> Path:
    """Gives every datatype back as it came."""
    nodes, inputs, outputs = [], [], []
    for name, kind in KINDS.items():
        inputs.append(helper.make_tensor_value_info(f"in_{name}", kind, ["n"]))
        outputs.append(helper.make_tensor_value_info(f"out_{name}", kind, ["n"]))
        nodes.append(helper.make_node("Identity", [f"in_{name}"], [f"out_{name}"]))
    return save(path, nodes, inputs, outputs)


class Replica:
    """A run folder, its bundle, and the server process once it has been started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "run"
        self.bundle = folder / "bundle"
        self.folder.mkdir(parents=True)
        self.bundle.mkdir()
        self.port = free_port()
        self.settings = {
            "service": "iris", "workspace": "vision", "revision": 3, "recipe": "abc",
            "bundle": str(self.bundle), "port": self.port, "processes": 1,
        }  # fmt: skip
        self.write_keys(KEY, SECOND_KEY)
        self.process = None
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=20,
            trust_env=False,
        )

    def write_keys(self, *keys: str, **more) -> None:
        scratch = self.folder / "keys.new"
        scratch.write_text(json.dumps({"digests": [sha256(key.encode()).hexdigest() for key in keys], **more}))
        os.replace(scratch, self.folder / "keys.json")

    def with_models(self, **makers) -> "Replica":
        """`with_models(double=double_model)`: a no-code bundle."""
        for name, maker in makers.items():
            maker(self.bundle / "models" / name / "1" / "model.onnx")
        self._describe("no_code", list(makers))
        return self

    def with_script(self, text: str, models=("iris",), **files: str) -> "Replica":
        source = self.bundle / "source"
        source.mkdir()
        (source / "score.py").write_text(text)
        for name, content in files.items():
            (source / f"{name}.py").write_text(content)
        for name in models:
            path = self.bundle / "models" / name / "1" / "weights.txt"
            path.parent.mkdir(parents=True)
            path.write_text(f"weights of {name}")
        self._describe("entry_script", models, entry_script="score.py")
        return self

    def with_file(self, file: str, write, *, framework: str, format: str, **facts) -> "Replica":
        """A no-code bundle of one model, whose file `write(path)` makes."""
        path = self.bundle / "models" / "flowers" / "1" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
        described = {"name": "flowers", "version": 1, "path": "models/flowers/1", "file": file}
        described |= {"framework": framework, "format": format} | facts
        (self.bundle / "bundle.json").write_text(json.dumps({"kind": "no_code", "models": [described]}))
        return self

    def _describe(self, kind, models, **more) -> None:
        framework = "onnx" if kind == "no_code" else "custom"
        listed = [{"name": name, "version": 1, "path": f"models/{name}/1", "framework": framework} for name in models]
        (self.bundle / "bundle.json").write_text(json.dumps({"kind": kind, "models": listed, **more}))

    def launch(self, **settings) -> "Replica":
        """Start without waiting."""
        self.settings |= settings
        (self.folder / "run.json").write_text(json.dumps(self.settings))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scoring", str(self.folder / "run.json")], cwd=ROOT, start_new_session=True
        )
        return self

    def start(self, **settings) -> "Replica":
        """Start and wait until it is ready."""
        self.launch(**settings)
        self.wait_for("ready")
        return self

    def fail_to_start(self, **settings) -> dict:
        """Start, expect failure, and give what status.json says of it."""
        self.launch(**settings)
        assert self.process.wait(30) == 3
        assert self.status()["state"] == "failed"
        return self.status()["failure"]

    def status(self) -> dict:
        path = self.folder / "status.json"
        return json.loads(path.read_text()) if path.exists() else {"state": "absent"}

    def wait_for(self, state: str, seconds: float = 30) -> None:
        self.until(lambda: self.status()["state"] == state or self.process.poll() is not None, seconds)
        assert self.status()["state"] == state, f"{self.status()}\n{self.log()}"

    def until(self, condition, seconds: float = 15):
        end = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < end, f"did not happen in {seconds} s\n{self.log()}"
            time.sleep(0.02)
        return found

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def log(self) -> str:
        path = self.folder / "server.log"
        return path.read_text() if path.exists() else ""

    def score(self, body, path="/score", **more) -> httpx.Response:
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        return self.client.post(path, content=content, **more)

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.settimeout(20)
        return connection

    def stop(self, seconds: float = 15) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def close(self) -> None:
        self.client.close()
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture
def replica(tmp_path):
    """An own replica, not yet started."""
    made = Replica(tmp_path / "replica")
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared_replica(tmp_path_factory):
    """A replica for all tests of a file; the file's own fixture starts it."""
    made = Replica(tmp_path_factory.mktemp("scoring") / "replica")
    yield made
    made.close()


@pytest.fixture
def open_studio():
    """Opens stand-ins for the studio's telemetry address."""
    from tests.scoring.telemetry_studio import Studio  # it imports from here

    opened = []

    def make(port, status=202):
        opened.append(Studio(port, status))
        return opened[-1]

    yield make
    for studio in opened:
        studio.close()


def read_answers(connection: socket.socket, count: int = 1) -> list[tuple[int, dict[str, str], bytes]]:
    """Read so many HTTP answers from a socket."""
    file, answers = connection.makefile("rb"), []
    while len(answers) < count:
        status = int(file.readline().split()[1])
        headers = {}
        while line := file.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name] = value
        answers.append((status, headers, file.read(int(headers.get("content-length", "0")))))
    return answers


def request_bytes(body: bytes, path: str = "/score", *headers: str, method: str = "POST", key: str = KEY) -> bytes:
    """One HTTP request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: test", f"Authorization: Bearer {key}", *headers]
    if not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
