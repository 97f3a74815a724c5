"""A front as a program of its own, and replicas whose behaviour a test chooses."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import httpx
import msgspec

from bench.machine import free_port
from scoring.front_contract import (
    ClientKey,
    FrontReplica,
    FrontRevision,
    FrontService,
    FrontSettings,
    Routing,
    encode_routing,
)

ROOT = Path(__file__).parents[3]
KEY, FRONT_KEY = "the-primary-key", "the-front-key"
AUTH = {"Authorization": f"Bearer {KEY}"}


class Asked:
    """A request as a replica saw it."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self.line, *lines = head.decode("latin-1").split("\r\n")
        self.headers = dict(line.split(": ", 1) for line in lines)
        self.body = body


def ok(body: bytes = b'{"answer": 1}', *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", "content-type: application/json", *headers, f"content-length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class StubReplica:
    """Answers by `behave(asked, connection)`: bytes are sent, None closes the connection. `read(file, connection)`
    takes a connection as it comes instead, and closes it when it returns."""

    def __init__(self, behave=None, *, read=None, path: str = "") -> None:
        self.behave = behave or (lambda asked, connection: ok())
        self.read = read
        self.asked: list[Asked] = []
        self.connections = 0
        self.path = path
        self.port = 0
        self._open: set[socket.socket] = set()
        self.start()

    def start(self) -> None:
        if self.path:
            Path(self.path).unlink(missing_ok=True)
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(self.path)
        else:
            self._listener = socket.socket()
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind(("127.0.0.1", self.port))
            self.port = self._listener.getsockname()[1]
        self._listener.listen(256)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"unix:{self.path}" if self.path else f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        """As a replica that is killed: nobody listens, and every connection is reset."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def scored(self) -> list[Asked]:
        return [one for one in self.asked if not one.line.startswith("GET / ")]

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self._open.add(connection)
        with suppress(OSError, ValueError), connection, connection.makefile("rb") as file:
            if self.read is not None:
                self.read(file, connection)
                return
            while (asked := read_request(file)) is not None:
                self.asked.append(asked)
                answer = ok(b"Healthy") if asked.line.startswith("GET / ") else self.behave(asked, connection)
                if answer is None:
                    break
                connection.sendall(answer)
        self._open.discard(connection)


def read_request(file) -> Asked | None:
    lines = []
    while line := file.readline():
        if line == b"\r\n":
            break
        lines.append(line.rstrip(b"\r\n"))
    if not lines:
        return None
    asked = Asked(b"\r\n".join(lines), b"")
    if "transfer-encoding" in asked.headers:
        while size := int(file.readline(), 16):
            asked.body += file.read(size)
            file.readline()
        file.readline()
    else:
        asked.body = file.read(int(asked.headers.get("content-length", "0")))
    return asked


def revision(number: int, *replicas: StubReplica, **more) -> FrontRevision:
    listed = [
        FrontReplica(id=f"r{number}-{index}", address=one.address, owner=os.getuid() if one.path else None)
        for index, one in enumerate(replicas)
    ]
    return FrontRevision(number=number, replicas=listed, **more)


def service(*revisions: FrontRevision, **more) -> FrontService:
    given = {
        "id": 1, "workspace": "default", "name": "iris", "default": revisions[0].number, "front_key": FRONT_KEY,
        "keys": [ClientKey(name="primary", digest=sha256(KEY.encode()).hexdigest())], "queue_wait_seconds": 2.0,
    }  # fmt: skip
    return FrontService(revisions=list(revisions), **given | more)


class FrontProgram:
    """`python -m scoring.front`, and a client of it."""

    def __init__(self, folder: Path, **settings) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.number = folder, 0
        self.routing, self.settings_file = folder / "routing", folder / "settings.json"
        self.port = free_port()
        given = {"routing": str(self.routing), "folder": str(folder / "front"), "port": self.port}
        self.settings = FrontSettings(**given | settings)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=20, headers=AUTH)
        self.process = None
        self._log = (folder / "front.log").open("ab")

    def start(self, *services: FrontService) -> "FrontProgram":
        self.write(*services)
        self.settings_file.write_bytes(msgspec.json.encode(self.settings))
        self.process = self.launch()
        self.until(lambda: self.applied() == self.number)
        return self

    def launch(self) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "scoring.front", str(self.settings_file)], cwd=ROOT, stdout=self._log,
            stderr=self._log,
        )  # fmt: skip

    def write(self, *services: FrontService) -> None:
        self.number += 1
        self.write_bytes(encode_routing(Routing(number=self.number, services=list(services))))

    def write_bytes(self, contents: bytes) -> None:
        scratch = self.folder / "routing.new"
        scratch.write_bytes(contents)
        os.replace(scratch, self.routing)

    def route(self, *services: FrontService) -> None:
        """Write a routing file and wait until it is in use."""
        self.write(*services)
        self.until(lambda: self.applied() == self.number)

    def applied(self) -> int:
        with suppress(httpx.HTTPError):
            scheme = "https" if self.settings.self_signed else "http"
            found = httpx.get(f"{scheme}://127.0.0.1:{self.port}/healthz", verify=False, trust_env=False)
            return int(found.headers["x-slipway-routing"])
        return -1

    def until(self, condition, seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"did not happen in {seconds} s\n{self.log()}"
            time.sleep(0.02)

    def log(self) -> str:
        return (self.folder / "front.log").read_text()

    def until_logged(self, text: str, since: int) -> None:
        """Wait until it says so behind this length of the log: other tests may have made it say the same."""
        self.until(lambda: text in self.log()[since:])

    def state(self) -> dict:
        return json.loads((self.folder / "front" / "front.json").read_text())

    def score(self, body=b'{"data": [1]}', path="/default/iris/score", **more) -> httpx.Response:
        return self.client.post(path, content=body, **more)

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.settimeout(20)
        return connection

    def close(self) -> None:
        self.client.close()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()


def request_bytes(body: bytes = b'{"data": [1]}', *headers: str, path="/default/iris/score", key=KEY) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: test", f"Authorization: Bearer {key}", *headers]
    if not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def counted(studio, metric, revision=2) -> dict[str, int]:
    """What the windows of a revision say of a metric, each window once."""
    windows = [one for report in studio.reports for one in report.windows.get(1, []) if one.revision == revision]
    found = Counter()
    for window in {one.sequence: one for one in windows}.values():
        found.update(window.counters.get(metric, {}))
    return dict(found)
