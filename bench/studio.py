"""How much the studio asks of a machine: `python bench/studio.py` writes docs/benchmarks/studio.md.

Starts what `make run` starts, several times, with no service deployed. Exits with 1 when the quickest second start
takes 5 s or more, or the idle studio 600 MB or more.
"""

import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402
import psutil  # noqa: E402

from bench.postgres import free_port  # noqa: E402

REPORT = ROOT / "docs" / "benchmarks" / "studio.md"
START_SECONDS, IDLE_MB = 5.0, 600
SECOND_STARTS = 5
PATIENCE_SECONDS = 180.0
SETTLE_SECONDS = 20


def main() -> int:
    if not Path("/proc").exists():
        raise SystemExit("Proportional memory is a number of Linux: measure there.")
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as data:
        first, *again = [_start(data) for _ in range(1 + SECOND_STARTS)]
        memory = _idle_memory(data)
    REPORT.write_text(report := render(first, again, memory))
    print(report)
    return 1 if min(again) >= START_SECONDS or sum(memory.values()) >= IDLE_MB else 0


def render(first: float, again: list[float], memory: dict[str, float]) -> str:
    """The report as Markdown."""
    machine = f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total / 1e9:.0f} GB, {platform.platform()}"
    parts = [
        "# Starting the studio, and its memory",
        f"Made by `python bench/studio.py` on {datetime.now(UTC):%Y-%m-%d}: {machine}, Python"
        f" {platform.python_version()}. Everything `make run` starts on one machine, no service deployed.",
        "## Start",
        "From the command to the moment in which everything answers.",
        f"- first start, with a new database: {first:.1f} s\n"
        f"- later starts: {', '.join(f'{seconds:.1f}' for seconds in sorted(again))} s; the bar,"
        f" {START_SECONDS:.0f} s for the quickest, since other work slows a start down, is"
        f" {_verdict(min(again) < START_SECONDS)}",
        "## Idle memory",
        f"**{sum(memory.values()):.0f} MB** (PSS); the bar, {IDLE_MB} MB, is"
        f" {_verdict(sum(memory.values()) < IDLE_MB)}.",
        "\n".join(f"- {name}: {amount:.0f} MB" for name, amount in memory.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _start(data: str) -> float:
    """Seconds of one start."""
    began = time.monotonic()
    with _studio(data):
        return time.monotonic() - began


def _idle_memory(data: str) -> dict[str, float]:
    """Proportional memory (PSS, MB) of each process, by what it runs."""
    with _studio(data) as studio:
        time.sleep(SETTLE_SECONDS)
        family = [studio, *studio.children(recursive=True)]
        return {f"{_title(one)} ({one.pid})": one.memory_full_info().pss / 1e6 for one in family}


@contextmanager
def _studio(data: str) -> Iterator[psutil.Process]:
    """The studio with that data folder, from the moment in which everything answers."""
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    environ = kept | {"SLIPWAY_DATA": data, "SLIPWAY_PORT": str(port), "SLIPWAY_ADMIN_PASSWORD": "a-bench-password"}
    command = [sys.executable, "manage.py", "up"]
    studio = psutil.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        _wait_until_up(f"http://127.0.0.1:{port}")
        yield studio
    finally:
        studio.send_signal(signal.SIGINT)
        studio.wait(60)


def _wait_until_up(address: str) -> None:
    """Until everything answers; the sign-in page is loaded once, as the first visitor would."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{address}/healthz").status_code == 200:
                httpx.get(f"{address}/sign-in/")
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise SystemExit("The studio did not come up: run `make run` and read its log.")


def _verdict(met: bool) -> str:
    return "met" if met else "**missed**"


def _title(process: psutil.Process) -> str:
    words = [Path(word).name for word in process.cmdline() if not word.startswith("-")]
    return " ".join(words[:3])[:60]


if __name__ == "__main__":
    sys.exit(main())
