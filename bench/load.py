"""Closed-loop load: `wrk` where it is installed, else raw sockets from a process of its own.

Both keep so many connections open, send the same request again as soon as the answer is there, and tell
throughput and latency. Absolute figures differ between the two; compare only what one of them measured.
"""

import json
import re
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass


@dataclass
class Load:
    """One request, sent over and over."""

    port: int
    path: str
    body: str
    headers: dict[str, str]


@dataclass
class Result:
    """Requests per second, latencies in milliseconds, and answers that were not 200 or never came."""

    throughput: float
    p50: float
    p99: float
    errors: int


def generator() -> str:
    return "wrk" if shutil.which("wrk") else "sockets"


def measure(load: Load, connections: int, seconds: float) -> Result:
    """Run one measurement."""
    if generator() == "wrk":
        return _wrk(load, connections, seconds)
    command = [sys.executable, __file__, json.dumps(asdict(load)), str(connections), str(seconds)]
    return Result(**json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def _wrk(load: Load, connections: int, seconds: float) -> Result:
    headers = "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in load.headers.items())
    script = f"""wrk.method = "POST"\nwrk.body = [==[{load.body}]==]\n{headers}
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("RESULT %f %f %f %d\\n", summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end"""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        address = f"http://127.0.0.1:{load.port}{load.path}"
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}", "-s", file.name, address]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"RESULT ([\d.]+) ([\d.]+) ([\d.]+) (\d+)", out)
    if not found:
        raise RuntimeError(f"wrk said:\n{out}")
    return Result(float(found[1]), float(found[2]), float(found[3]), int(found[4]))


class _Line:
    """One connection: what it sent, and when."""

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = request
        self.ask()

    def ask(self) -> None:
        self.answer = b""
        self.sent = time.perf_counter()
        self.socket.sendall(self.request)

    def is_answered(self) -> bool:
        """Read on; True once the answer is whole. ConnectionError when the server has closed."""
        part = self.socket.recv(65536)
        if not part:
            raise ConnectionError
        self.answer += part
        head, mark, body = self.answer.partition(b"\r\n\r\n")
        return bool(mark) and len(body) >= int(re.search(rb"(?i)content-length: (\d+)", head)[1])


def _sockets(load: Load, connections: int, seconds: float) -> Result:
    head = f"POST {load.path} HTTP/1.1\r\nHost: localhost\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in load.headers.items())
    request = f"{head}Content-Length: {len(load.body)}\r\n\r\n{load.body}".encode()
    selector, taken, errors = selectors.DefaultSelector(), [], 0
    for _ in range(connections):
        line = _Line(load.port, request)
        selector.register(line.socket, selectors.EVENT_READ, line)
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        for key, _ in selector.select(0.1):
            line = key.data
            try:
                if line.is_answered():
                    errors += not line.answer.startswith(b"HTTP/1.1 200")
                    taken.append(time.perf_counter() - line.sent)
                    line.ask()
            except ConnectionError:
                selector.unregister(line.socket)
                errors += 1
    lasted = time.perf_counter() - began
    taken.sort()
    return Result(len(taken) / lasted, taken[len(taken) // 2] * 1e3, taken[int(len(taken) * 0.99)] * 1e3, errors)


if __name__ == "__main__":
    print(json.dumps(asdict(_sockets(Load(**json.loads(sys.argv[1])), int(sys.argv[2]), float(sys.argv[3])))))
