"""How fast the number of replicas follows the load: `python bench/scaling.py`.

Starts a studio with its front. *Wake*: a service with a small ONNX model that sleeps gets a request; the time is until
its answer. *Step*: a script that takes 0.2 s, one request at a time in each replica, gets 2 requests a second and then
20, at a constant rate whatever the answers; the times are until the studio wants as many replicas as that load needs,
until so many are ready, and until requests are answered as quickly as before. Prints medians; exits with 1 when one
exceeds its bar, which is meant for a machine that does nothing else.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402

from bench.postgres import free_port  # noqa: E402
from bench.updates import studio  # noqa: E402
from slipway.client import Client  # noqa: E402
from slipway.defaults import RUNTIME  # noqa: E402

MODEL = ROOT / "samples" / "iris" / "model.onnx"
ROW = {"data": [[5.1, 3.5, 1.4, 0.2]]}
SCRIPT = b"import time\n\ndef init():\n    pass\n\ndef run(data):\n    time.sleep(0.2)\n    return 'done'\n"
WAKE_BAR, STEP_BAR = 2.0, 3.0  # seconds
IDLE_SECONDS = 5
BEFORE, AFTER = 2.0, 20.0  # requests a second
NEEDED = 6  # replicas: 20 requests of 0.2 s are 4 at once, at 70 %
QUICK_SECONDS = 0.5  # as before the step, on a busy machine
PATIENCE_SECONDS = 120.0
STEP_SECONDS = 30.0


def main() -> int:
    rounds = _rounds()
    os.environ["SLIPWAY_FRONT_PORT"] = str(free_port())
    with studio(ROOT, 21900) as client:
        met = _told("wake", [wake(client, number) for number in range(rounds)], WAKE_BAR)
        steps = [step(client, number) for number in range(rounds)]
    for name in ("decided", "ready", "answered"):
        met &= _told(f"step, {name}", [one[name] for one in steps], STEP_BAR)
    return 0 if met else 1


def _rounds() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    return int(parser.parse_args().rounds)


def _told(name: str, found: list[float], bar: float) -> bool:
    median = statistics.median(found)
    times = ", ".join(f"{one:.2f}" for one in sorted(found))
    print(f"{name}: median {median:.2f} s of {times}; the bar, {bar:g} s, is {'met' if median <= bar else 'missed'}")
    return median <= bar


def wake(client: Client, number: int) -> float:
    """Seconds from a request to a service that sleeps to its answer."""
    if not number:
        version = client.register_model("bench-wake", [MODEL])
        client.wait_for_version(version["id"])
        options = {"auth": False, "min_replicas": 0, "max_replicas": 2, "idle_seconds": IDLE_SECONDS}
        client.deploy("bench-wake", [version["id"]], deployment_config=options)
        client.wait_for("bench-wake", {"Healthy"})
    _until(lambda: _replicas(client, "bench-wake", "desired_replicas") == 0, "asleep")
    time.sleep(3.0)  # the last replica has ended
    url = _address(client, "bench-wake")
    began = time.monotonic()
    httpx.post(url, json=ROW, timeout=PATIENCE_SECONDS).raise_for_status()
    return time.monotonic() - began


def step(client: Client, number: int) -> dict[str, float]:
    """Seconds after a step of the load: until it was decided, until the replicas were ready, until it is answered."""
    name = f"bench-step-{number}"
    if not number:
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "score.py"
            script.write_bytes(SCRIPT)
            client.configs.create("bench-step", "score.py", {"score.py": script}, environment=RUNTIME)
    options = {"auth": False, "concurrency": 1, "max_replicas": 8, "queue_wait_seconds": 30, "waiting_limit": 1000}
    size = {"cpu": 0.5, "memory_gb": 0.2}
    client.deploy(name, [], config="bench-step:1", deployment_config=options | size)
    client.wait_for(name, {"Healthy"})
    try:
        return asyncio.run(_step(client, name))
    finally:
        client.delete_service(name)


async def _step(client: Client, name: str) -> dict[str, float]:
    url, answers = _address(client, name), []
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http:
        await _load(http, url, BEFORE, 10.0, [])
        began = time.monotonic()
        watching = asyncio.create_task(asyncio.to_thread(_watch, client, name, began))
        await _load(http, url, AFTER, STEP_SECONDS, answers)
        found = await watching
    slow = [sent for sent, took in answers if took > QUICK_SECONDS]
    return found | {"answered": max(slow, default=began) - began}


async def _load(http: httpx.AsyncClient, url: str, rate: float, seconds: float, answers: list[Any]) -> None:
    """Send at a constant rate, whatever the answers, and note when each was sent and how long it took."""

    async def send() -> None:
        sent = time.monotonic()
        answer = await http.post(url, json={})
        answers.append((sent, time.monotonic() - sent if answer.status_code == 200 else PATIENCE_SECONDS))

    began, tasks = time.monotonic(), []
    for count in range(int(rate * seconds)):
        await asyncio.sleep(max(began + count / rate - time.monotonic(), 0))
        tasks.append(asyncio.create_task(send()))
    await asyncio.gather(*tasks)


def _watch(client: Client, name: str, began: float) -> dict[str, float]:
    _until(lambda: _replicas(client, name, "desired_replicas") >= NEEDED, "the decision")
    decided = time.monotonic() - began
    _until(lambda: _replicas(client, name, "ready_replicas") >= NEEDED, "the replicas")
    return {"decided": decided, "ready": time.monotonic() - began}


def _replicas(client: Client, name: str, which: str) -> int:
    return sum(one[which] for one in client.service(name)["instances"])  # type: ignore[literal-required]


def _address(client: Client, name: str) -> str:
    return str(client.service(name)["front_uri"])


def _until(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit(f"Not within {PATIENCE_SECONDS:g} s: {what}.")
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
