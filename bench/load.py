"""Closed-loop load with `wrk`: so many connections, each asking again as soon as its answer is there.

Its latencies are those of a closed loop, not corrected for coordinated omission; compare them with each other only.
"""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_SECONDS = 30
SCRIPT = """
local file = io.open("{file}", "rb")
wrk.method, wrk.body = "POST", file:read("*a")
file:close()
{headers}
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %f %f %f %d\\n", summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


@dataclass(frozen=True)
class Load:
    """One request, sent over and over."""

    port: int
    path: str
    content: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class Result:
    """Requests per second, latencies in milliseconds, and answers that were not 2xx or never came."""

    throughput: float
    p50: float
    p99: float
    errors: int


class Generator:
    """`wrk` with one request; its files live as long as the `with` block."""

    def __init__(self, load: Load) -> None:
        self._load = load

    def __enter__(self) -> "Generator":
        self._folder = tempfile.TemporaryDirectory(prefix="slipway-load-")
        body, self._script = Path(self._folder.name, "body"), Path(self._folder.name, "ask.lua")
        body.write_bytes(self._load.content)
        headers = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in self._load.headers.items())
        self._script.write_text(SCRIPT.format(file=body, headers=headers))
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def measure(self, connections: int, seconds: int) -> Result:
        """Run once. RuntimeError when wrk says nothing that can be used."""
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={TIMEOUT_SECONDS}s"]
        command += ["-s", str(self._script), f"http://127.0.0.1:{self._load.port}{self._load.path}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = re.search(r"RESULT ([\d.]+) ([\d.]+) ([\d.]+) (\d+)", done.stdout)
        if not found:
            raise RuntimeError(f"wrk said:\n{done.stdout}{done.stderr}")
        return Result(float(found[1]), float(found[2]), float(found[3]), int(found[4]))
