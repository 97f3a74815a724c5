"""Whatever happens to a service and to the studio, no request through the front is lost.

Prints the table of counts that docs/benchmarks/no-request-lost.md shows.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.rest import Rest
from tests.stack import ROOT, Stack, free_port, wait_for
from tests.steady_load import MOST_IN_FLIGHT, Fate, Span, SteadyLoad, table

pytestmark = pytest.mark.stack
MODEL = ROOT / "samples" / "iris" / "model.onnx"
ROW = {"data": [[5.1, 3.5, 1.4, 0.2]]}
UNFIT = {"server": {"warm_up": {"body": {"data": [["no number"]]}, "path": "/score"}}}
RATE, DIRECT_RATE = 500, 50  # requests a second, through the front and at the service's own address
SECONDS = 120
FRONT_KILLED = "kill -9 of the front's process"  # which loses what it is at, and nothing else
PROGRAMS = ("web", "quick", "heavy", "builds", "long", "clock")


@dataclass
class Run:
    """A studio with the service iris, and what was done to it while requests were sent."""

    rest: Rest
    version: str = ""
    spans: list[Span] = field(default_factory=list)

    @property
    def stack(self) -> Stack:
        return self.rest.stack

    @contextmanager
    def during(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.spans.append(Span(name, began, time.monotonic()))

    def until(self, done: Callable[[dict], Any], path: str = "services/iris") -> dict:
        return self.rest.until(path, done, SECONDS)[0]

    def until_it_answers(self, revision: int) -> None:
        def settled(found: dict) -> bool:
            return (found["state"], found["update"], found["observed_revision"]) == ("Healthy", None, revision)

        self.until(settled)

    def update(self, **more: Any) -> None:
        self.rest.deploy("iris", self.version, overwrite=True, **more)

    def front(self) -> dict:
        """Process ids of the front that serves: `keeper` and `front`."""
        return json.loads((self.stack.data / "front" / "front.json").read_bytes())

    def until_the_front_is_another(self, before: dict, *names: str) -> None:
        def another() -> bool:
            now = self.front()
            return all(now[name] != before[name] and psutil.pid_exists(now[name]) for name in names)

        wait_for(another, SECONDS, "another front")

    def kill_replica(self, revision: int, number: int = 1) -> None:
        """kill -9 of everything that the studio started for it."""
        for settings in self.stack.data.rglob("control/run.json"):
            parts = settings.parts
            its_number = int(parts[-3]) if parts[-4] == "replicas" else 1
            if json.loads(settings.read_bytes())["revision"] == revision and its_number == number:
                server = json.loads(settings.with_name("processes.json").read_bytes())["program"]
                for process in [psutil.Process(server), *psutil.Process(server).children(recursive=True)]:
                    process.kill()

    def until_restarted(self, revision: int, number: int = 1) -> None:
        def restarted(found: dict) -> bool:
            rows = next(one["replicas"] for one in found["instances"] if one["revision"] == revision)
            return any(one["number"] == number and one["restarts"] and one["state"] == "ready" for one in rows)

        self.until(restarted)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with Stack(tmp_path / "studio", SLIPWAY_FRONT="1", SLIPWAY_FRONT_PORT=str(free_port())) as stack:
        made = Run(Rest(stack))
        made.version = made.rest.register("iris", MODEL)
        made.rest.until_ready(made.version)
        made.rest.deploy("iris", made.version)
        made.until_it_answers(1)
        yield made


@pytest.mark.timeout(600)  # 100 s on a quiet machine
def test_no_request_is_lost(run: Run, tmp_path: Path) -> None:
    found, key = run.rest.get("services/iris"), run.rest.get("services/iris/keys")["primary"]
    direct = SteadyLoad(tmp_path / "direct", found["scoring_uri"], ROW, key, rate=DIRECT_RATE)
    load = SteadyLoad(tmp_path / "front", found["front_uri"], ROW, key, rate=RATE)
    try:
        with run.during("nothing"):
            time.sleep(3)
        move_between_revisions(run)
    finally:
        own_address = direct.finish()
    moved = len(run.spans)
    try:
        scale(run)
        change_traffic(run)
        kill_replicas(run)
        kill_the_front(run)
        kill_the_studio(run)
    finally:
        fates = load.finish()
    tell("through the front", run.spans, fates)
    tell("at the service's own address", run.spans[:moved], own_address)
    killed = next(span for span in run.spans if span.name == FRONT_KILLED)
    lost = [fate for fate in fates if fate.is_lost]
    assert [fate for fate in lost if not killed.began <= fate.ended < killed.ended] == []
    assert len(lost) <= MOST_IN_FLIGHT
    assert {fate.status.partition(":")[0] for fate in lost} <= {"ConnectionError"}
    assert [fate for fate in own_address if fate.is_lost] == []
    assert {fate.revision for fate in fates} >= {"1", "2", "4"}


def move_between_revisions(run: Run) -> None:
    with run.during("an update"):
        run.update(deployment_config={"server": {"access_log": True}})
        run.until_it_answers(2)
    with run.during("a failed update, and its rollback"):
        run.update(deployment_config=UNFIT)
        failed = run.until(lambda found: (found["update"] or {}).get("state") == "Failed")
        assert failed["update"]["error"]["code"] == "warm_up_failed"
        run.rest.post("services/iris/rollback")
        run.until_it_answers(2)
    with run.during("a rollback"):
        run.rest.post("services/iris/rollback", {"revision": 1})
        run.until_it_answers(1)


def scale(run: Run) -> None:
    def to(count: int) -> None:
        run.rest.post("services/iris/scale", {"replicas": count})

        def reached(found: dict) -> bool:
            (rows,) = [one["replicas"] for one in found["instances"] if one["revision"] == 1]
            return found["state"] == "Healthy" and [one["state"] for one in rows] == ["ready"] * count

        run.until(reached)

    with run.during("scaling from 1 to 4"):
        to(4)
    with run.during("kill -9 of one replica of four"):
        run.kill_replica(1, 3)
        run.until_restarted(1, 3)
    with run.during("scaling from 4 to 1"):
        to(1)


def change_traffic(run: Run) -> None:
    def both_ready(found: dict) -> bool:
        return [row["state"] for row in found["revisions"]] == ["Healthy", "Healthy"]

    with run.during("a second revision beside the first"):
        run.update(traffic=10)
        run.until(both_ready, "services/iris/traffic")
    with run.during("10 changes of traffic"):
        for percent in (0, 100, 50, 10, 25, 75, 5, 100, 0, 50):
            rows = [{"revision": 1, "percent": 100 - percent}, {"revision": 4, "percent": percent}]
            answer = run.rest.send("PUT", "services/iris/traffic", json={"revisions": rows})
            assert answer.status_code == 200, answer.text
            time.sleep(0.6)  # the front looks at its routing file four times a second


def kill_replicas(run: Run) -> None:
    with run.during("kill -9 of a revision's only replica"):
        run.kill_replica(4)
        run.until_restarted(4)
    with run.during("kill -9 of the default revision's only replica"):
        run.kill_replica(1)
        run.until_restarted(1)


def kill_the_front(run: Run) -> None:
    with run.during("SIGHUP to the front"):
        before = run.front()
        os.kill(before["keeper"], signal.SIGHUP)
        run.until_the_front_is_another(before, "front")
    with run.during(FRONT_KILLED):
        before = run.front()
        os.kill(before["front"], signal.SIGKILL)
        run.until_the_front_is_another(before, "front")
    with run.during("kill -9 of the front's keeper"):
        before = run.front()
        os.kill(before["keeper"], signal.SIGKILL)
        run.until_the_front_is_another(before, "keeper", "front")


def kill_the_studio(run: Run) -> None:
    stack = run.stack
    with run.during("kill -9 of web, workers and clock"):
        old = {name: stack.kill(name) for name in PROGRAMS}
        wait_for(lambda: all(stack.pids.get(name, pid) != pid for name, pid in old.items()), SECONDS, "new programs")
        stack.wait_until_healthy()
    if "broker" in stack.pids:
        with run.during("a restart of the broker"):
            stack.kill_and_recover("broker")
    with run.during("kill -9 of the whole studio, and its next start"):
        stack.process.kill()
        stack.process.wait(20)
        stack.start()
        run.until(lambda found: found["state"] == "Healthy")


def tell(how: str, spans: list[Span], fates: list[Fate]) -> None:
    sys.stdout.write(f"\nRequests {how}\n\n" + "\n".join(table(spans, fates)) + "\n")
    for fate in [fate for fate in fates if fate.is_lost][:20]:
        during = [span.name for span in spans if span.began <= fate.ended < span.ended]
        sys.stdout.write(f"lost {during}: {fate}\n")
