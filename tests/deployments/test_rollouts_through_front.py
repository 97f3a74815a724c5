"""Bad revisions behind a real front give the traffic back by themselves, and say which figure passed which limit."""

import http.client
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from slipway.client import Client
from tests.rest import Rest
from tests.stack import Stack, free_port

pytestmark = pytest.mark.stack
SECONDS = 150  # a machine with much else to do
SCRIPT = """
import asyncio
import random


def init():
    pass


async def run(data):
    await asyncio.sleep({seconds})
    if random.random() < {errors}:
        raise ValueError("a faulty model")
    return [1]
"""
BODY = {"data": 1}
GOOD = SCRIPT.format(seconds=0.02, errors=0.0)
BAD = {"faulty": SCRIPT.format(seconds=0.02, errors=0.05), "slow": SCRIPT.format(seconds=0.04, errors=0.0)}
STEPS = [{"percent": 25, "bake_seconds": 60}, {"percent": 100, "bake_seconds": 60}]


class Steady:
    """Asks at a constant rate, whatever the answers, on connections of its own until `finish`."""

    def __init__(self, url: str, key: str, rate: float, connections: int = 10, body: Any = BODY) -> None:
        self._url = urlsplit(url)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._pause, self._body = connections / rate, json.dumps(body)
        self._ends = threading.Event()
        self._codes: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._ask, args=(number / rate,), daemon=True) for number in range(connections)
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, offset: float) -> None:
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=30)
        due = time.monotonic() + offset
        while not self._ends.wait(max(due - time.monotonic(), 0)):
            due = max(due + self._pause, time.monotonic() - 1)  # a machine that cannot keep up does not catch up
            connection.request("POST", self._url.path, self._body, self._headers)
            answer = connection.getresponse()
            answer.read()
            with self._lock:
                self._codes[answer.status] += 1
        connection.close()

    def finish(self) -> Counter[int]:
        """How many answers there were by status."""
        self._ends.set()
        for thread in self._threads:
            thread.join(30)
        return self._codes


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    """Services `faulty` and `slow`: revision 1 answers, and revision 2, which is what the name says, runs at 0 %."""
    folder = tmp_path_factory.mktemp("scripts")

    def config(name: str, text: str) -> str:
        script = folder / f"{name}.py"
        script.write_text(text)
        return client.configs.create(name, "score.py", {"score.py": script})["id"]

    with Stack(tmp_path_factory.mktemp("stack"), SLIPWAY_FRONT="1", SLIPWAY_FRONT_PORT=str(free_port())) as stack:
        rest = Rest(stack)
        with Client(stack.url(""), rest.headers["Authorization"].split()[1], "default") as client:
            good = config("good", GOOD)
            for name, script in BAD.items():
                client.deploy(name, [], config=good)
                bad = config(name, script)
                rest.until_healthy(name, SECONDS)
                client.deploy(name, [], config=bad, overwrite=True, traffic=0)
        for name in BAD:
            rest.until(
                f"services/{name}/traffic",
                lambda found: [row["state"] for row in found["revisions"]] == ["Healthy", "Healthy"],
                SECONDS,
            )
        yield rest


def test_faulty_and_slow_revisions_give_the_traffic_back_and_name_figure_and_limit(rest: Rest) -> None:
    rates = {"faulty": 200, "slow": 100}
    callers = {
        name: Steady(rest.get(f"services/{name}")["front_uri"], rest.get(f"services/{name}/keys")["primary"], rate)
        for name, rate in rates.items()
    }
    try:
        began = time.monotonic()
        for name in BAD:
            rest.post(f"services/{name}/rollout", {"revision": 2, "steps": STEPS, "warm_requests": 50}, 201)
        ended = {}
        for name in BAD:
            ended[name], _ = rest.until(f"services/{name}/rollout", lambda found: found["ended_at"], SECONDS)
            sys.stdout.write(f"{name}: {ended[name]['why']}, after {time.monotonic() - began:.0f} s\n")
    finally:
        answered = {name: one.finish() for name, one in callers.items()}
    sys.stdout.write(f"{answered}\n")

    assert {name: found["phase"] for name, found in ended.items()} == dict.fromkeys(BAD, "rolled_back")
    assert ended["faulty"]["why"].startswith("errors: ")
    assert ended["slow"]["why"].startswith("p95 in the model: ")
    for name, unit in (("faulty", "%"), ("slow", "ms")):
        assert f" {unit} in " in ended[name]["why"]
        assert ", limit " in ended[name]["why"]
        assert [row["percent"] for row in rest.get(f"services/{name}/traffic")["revisions"] if row["percent"]] == [100]
        assert "service.rollout_rolled_back" in rest.actions("service", name)
    assert set(answered["slow"]) == {200}
    assert 0 < answered["faulty"][500] < 0.05 * answered["faulty"].total()
