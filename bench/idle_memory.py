"""Memory of everything `make run` starts, with no service deployed."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil

from bench.postgres import free_port

ROOT = Path(__file__).resolve().parents[1]
SETTLE_SECONDS = 20


def idle_memory() -> dict[str, float]:
    """Proportional memory (PSS, MB) of each process, by what it runs; the studio has a data folder of its own."""
    if not Path("/proc").exists():
        raise SystemExit("Proportional memory is a number of Linux: leave --memory out.")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="slipway-idle-") as data:
        kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
        environ = kept | {"SLIPWAY_DATA": data, "SLIPWAY_PORT": str(port), "SLIPWAY_ADMIN_PASSWORD": "a-bench-password"}
        command = [sys.executable, "manage.py", "up"]
        studio = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        try:
            _wait_until_up(f"http://127.0.0.1:{port}")
            time.sleep(SETTLE_SECONDS)
            family = [psutil.Process(studio.pid), *psutil.Process(studio.pid).children(recursive=True)]
            return {f"{_title(one)} ({one.pid})": one.memory_full_info().pss / 1e6 for one in family}
        finally:
            studio.send_signal(signal.SIGINT)
            studio.wait(60)


def _wait_until_up(address: str, seconds: float = 180) -> None:
    """Until everything answers; the sign-in page is loaded once, as the first visitor would."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{address}/healthz").status_code == 200:
                httpx.get(f"{address}/sign-in/")
                return
        except httpx.TransportError:
            time.sleep(0.5)
        else:
            time.sleep(0.5)
    raise SystemExit("The studio did not come up: run `make run` and read its log.")


def _title(process: psutil.Process) -> str:
    words = [Path(word).name for word in process.cmdline() if not word.startswith("-")]
    return " ".join(words[:3])[:60]
