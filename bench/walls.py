"""What walls around a service cost: `python bench/walls.py`. Needs wrk.

Starts the same small model on the local target without walls and behind the best ones of this machine, again and again
in turns, and then measures the throughput of both in turns, with both up. A start is from the driver's decision until
the server says it is ready. Prints medians; exits with 1 when a bar is missed.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django  # noqa: E402

django.setup()

import psutil  # noqa: E402
from deployments.targets.local.library import scoring_library  # noqa: E402

from bench.load import Generator, Load  # noqa: E402
from bench.machine import free_port  # noqa: E402
from deployments.recipe.spec import InstanceRef, InstanceSpec  # noqa: E402
from deployments.targets.base import Route  # noqa: E402
from deployments.targets.local.driver import LocalDriver  # noqa: E402
from deployments.targets.local.isolation import Isolation  # noqa: E402
from deployments.targets.observation import Observation  # noqa: E402
from studio.sandbox.levels import LEVELS, Walls  # noqa: E402
from studio.sandbox.probe import probe  # noqa: E402

MODEL = ROOT / "samples" / "iris" / "model.onnx"
BODY = ROOT / "samples" / "iris" / "sample-data.json"
START_BAR_SECONDS = 0.050  # more than without walls
THROUGHPUT_BAR = 0.98  # of that without walls
CONNECTIONS = 16
PATIENCE_SECONDS = 60.0


class Service:
    """One service of a driver."""

    def __init__(self, folder: Path, number: int, walls: Walls) -> None:
        self.driver = LocalDriver(
            folder / "services",
            lambda: scoring_library(ROOT / "scoring", folder / "lib"),
            bundle_at=lambda digest: folder / "bundles" / digest,
            python_at=lambda digest: Path(sys.executable),
            isolation=lambda: Isolation(walls),
        )
        self.port = free_port()
        self.spec = InstanceSpec(
            ref=InstanceRef(number, number, "bench", f"service-{number}", 1),
            generation=1,
            recipe="a" * 64,
            kind="no_code",
            bundle="bundle",
            environment="studio",
            auth=False,
            processes=1,
            cpus=1.0,
        )
        self.route = Route(number, "127.0.0.1", self.port, None, self.spec.ref)

    def start(self) -> float:
        """Until it serves; gives the seconds until the server said that it was ready."""
        self.driver.route(self.route)
        found = self._until("ready", lambda: self.driver.apply(self.spec), serving=True)
        return (found.ready_at or 0.0) - (found.started_at or 0.0)

    def stop(self) -> None:
        self._until("absent", lambda: self.driver.stop(self.spec.ref))

    def keeper_memory(self) -> float:
        """MiB (PSS) of what stands between the studio and the server."""
        processes = json.loads(
            (
                self.driver.root / f"{self.spec.ref.service_id}/{self.spec.ref.instance_id}/control/processes.json"
            ).read_text()
        )
        keeper = psutil.Process(processes["keeper"])
        between = [keeper, *(child for child in keeper.children() if child.pid != processes["program"])]
        return sum(process.memory_full_info().pss for process in between) / 2**20

    def _until(self, state: str, step: Callable[[], None], serving: bool = False) -> Observation:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            step()
            found = self.driver.observe(self.spec.ref)
            if found.state == state and found.serving == serving:
                return found
            time.sleep(0.01)
        raise SystemExit(f"never {state}: {found}\n{self.driver.logs(self.spec.ref)[0]}")


def main() -> int:
    options = _options()
    walls = probe(options.level)
    print(f"walls: {walls.sentence}. {walls.how_to_get_better}".strip())
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        _make_bundle(folder / "bundles" / "bundle")
        services = {"none": Service(folder, 1, Walls()), walls.level: Service(folder, 2, walls)}
        starts: dict[str, list[float]] = {level: [] for level in services}
        for _ in range(options.starts):
            for level, service in services.items():
                starts[level].append(service.start())
                service.stop()
        rates: dict[str, list[float]] = {level: [] for level in services}
        loads = {}
        for level, service in services.items():
            service.start()
            stack.callback(service.stop)
            load = Load(service.port, "/score", BODY.read_bytes(), {"Content-Type": "application/json"})
            loads[level] = stack.enter_context(Generator(load))
        for _ in range(options.rounds):
            for level, load in loads.items():
                result = load.measure(CONNECTIONS, options.seconds)
                if result.errors:
                    raise SystemExit(f"{level}: {result.errors} errors")
                rates[level].append(result.throughput)
        memory = {level: service.keeper_memory() for level, service in services.items()}
    return _report(walls.level, starts, rates, memory)


def _report(best: str, starts: dict[str, list[float]], rates: dict[str, list[float]], memory: dict[str, float]) -> int:
    for level, seconds in starts.items():
        start, rate = statistics.median(seconds), statistics.median(rates[level])
        print(f"{level}: start {start * 1000:.0f} ms, {rate:.0f} requests/s, keeper {memory[level]:.1f} MiB")
    more = statistics.median(starts[best]) - statistics.median(starts["none"])
    pairs = [ours / theirs for ours, theirs in zip(rates[best], rates["none"], strict=True)]
    ratio = statistics.median(pairs)
    print(f"a start takes {more * 1000:.0f} ms more (bar {START_BAR_SECONDS * 1000:.0f}); ", end="")
    print(f"throughput {ratio:.3f}x (bar {THROUGHPUT_BAR})")
    return 0 if more <= START_BAR_SECONDS and ratio >= THROUGHPUT_BAR else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--level", choices=LEVELS[1:], default=LEVELS[-1], help="the best one to use")
    parser.add_argument("--starts", type=int, default=11)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=4)
    return parser.parse_args()


def _make_bundle(folder: Path) -> None:
    place = folder / "models" / "iris" / "1"
    place.mkdir(parents=True)
    (place / MODEL.name).write_bytes(MODEL.read_bytes())
    model = {"name": "iris", "version": 1, "path": "models/iris/1", "framework": "onnx", "file": MODEL.name}
    (folder / "bundle.json").write_text(json.dumps({"kind": "no_code", "models": [model]}))


if __name__ == "__main__":
    sys.exit(main())
