"""Replicas behind the front: a load step adds them, idle time ends them, a request wakes them, limits hold."""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from slipway.defaults import RUNTIME
from tests.rest import Rest
from tests.stack import ROOT, Stack, free_port, wait_for

pytestmark = pytest.mark.stack
SECONDS = 120
ROW = {"data": [[5.1, 3.5, 1.4, 0.2]]}
SCRIPT = b"""
import json, time

def init():
    pass

def run(raw_data):
    time.sleep(json.loads(raw_data)["seconds"])
    return "done"
"""


@pytest.fixture(scope="module")
def rest(tmp_path_factory) -> Iterator[Rest]:
    with Stack(tmp_path_factory.mktemp("stack"), SLIPWAY_FRONT="1", SLIPWAY_FRONT_PORT=str(free_port())) as stack:
        yield Rest(stack)


@pytest.fixture(scope="module")
def slow(rest: Rest) -> str:
    """A script that takes as long as a request says; one request at a time in each of one to three replicas."""
    config = {
        "name": "slow",
        "kind": "entry_script",
        "entry_script": "score.py",
        "files": [rest.upload("score.py", SCRIPT)],
        "environment": RUNTIME,
    }
    rest.post("configs", config, 201)
    options = {
        "auth": False,
        "concurrency": 1,
        "max_replicas": 3,
        "waiting_limit": 2,
        "queue_wait_seconds": 20,
        "scoring_timeout_seconds": 3,
        "cpu": 0.5,
        "memory_gb": 0.3,
    }
    rest.post("services", {"name": "slow", "models": [], "config": "slow:1", "deployment_config": options}, 201)
    rest.until_healthy("slow", SECONDS)
    address = rest.get("services/slow")["front_uri"]
    wait_for(lambda: send(address, 0).status_code == 200, SECONDS, "an answer through the front")
    return address


def send(address: str, seconds: float) -> httpx.Response:
    return httpx.post(address, json={"seconds": seconds}, timeout=90)


def many(address: str, seconds: float, count: int) -> list[httpx.Response]:
    """So many at once."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: send(address, seconds), range(count)))


def test_more_requests_than_may_wait_are_told_when_to_come_again(slow: str) -> None:
    answers = many(slow, 1.5, 8)
    counts = Counter(answer.status_code for answer in answers)
    assert set(counts) == {200, 503}
    assert counts[200] >= 3  # one at the replica, two that wait
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers if answer.status_code == 503)


def test_request_beyond_the_scoring_timeout_is_504(slow: str) -> None:
    assert send(slow, 30).status_code == 504


def test_load_step_adds_replicas_up_to_the_most_and_is_told(rest: Rest, slow: str) -> None:
    ended, began = threading.Event(), time.monotonic()

    def callers() -> None:
        with ThreadPoolExecutor(6) as pool:
            while not ended.is_set():
                list(pool.map(lambda _: send(slow, 0.5), range(6)))

    load = threading.Thread(target=callers)
    load.start()
    try:
        found, _ = rest.until("services/slow/scale", lambda found: found["replicas"][0]["replicas"] == 3, SECONDS)
        rest.until_healthy("slow", SECONDS)
    finally:
        ended.set()
        load.join()
    sys.stdout.write(
        f"three replicas are wanted, and the service is Healthy, {time.monotonic() - began:.1f} s after the step\n"
    )
    assert "requests at once" in found["why"]
    assert "service.scaled" in rest.actions("service", "slow")
    assert [answer.status_code for answer in many(slow, 0.2, 3)] == [200] * 3


def test_idle_service_sleeps_and_wakes_for_held_requests(rest: Rest) -> None:
    version = rest.register("iris", ROOT / "samples" / "iris" / "model.onnx")
    rest.until_ready(version)
    options = {"auth": False, "min_replicas": 0, "max_replicas": 2, "idle_seconds": 5}
    rest.deploy("iris", version, deployment_config=options)
    rest.until_healthy("iris", SECONDS)
    service = rest.get("services/iris")
    rest.until("services/iris/scale", lambda found: found["replicas"][0]["replicas"] == 0, SECONDS)
    wait_for(lambda: refuses(service["scoring_uri"]), 30, "the end of the last replica")
    assert rest.get("services/iris")["state"] == "Healthy"
    began = time.monotonic()
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: httpx.post(service["front_uri"], json=ROW, timeout=90), range(5)))
    sys.stdout.write(f"five held requests are answered after {time.monotonic() - began:.2f} s\n")
    assert {answer.status_code for answer in answers} == {200}
    assert len({json.dumps(answer.json()) for answer in answers}) == 1
    rest.until("services/iris/scale", lambda found: found["replicas"][0]["replicas"] == 0, SECONDS)


def refuses(address: str) -> bool:
    try:
        httpx.post(address, json=ROW, timeout=5)
    except httpx.ConnectError:
        return True
    return False
