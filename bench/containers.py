"""How quickly services come up on a Docker engine: `python bench/containers.py` writes docs/benchmarks/docker.md.

Needs an engine at this machine's socket and the image of `make base-image`. Starts a studio of its own, and removes
what it has made at the engine. Exits with 1 when the quickest deployment of a content that is built takes 3 s or more.
"""

import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import psutil  # noqa: E402

from tests.engine_client import engine_here, remove_labelled  # noqa: E402
from tests.rest import Rest  # noqa: E402
from tests.stack import Stack, free_port  # noqa: E402

REPORT = ROOT / "docs" / "benchmarks" / "docker.md"
MODEL = ROOT / "samples" / "iris" / "model.onnx"
BASE_IMAGE = "slipway-base:bookworm"
BAR, TIMES, SECONDS = 3.0, 5, 300


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        data = Path(folder, "data")
        environ = {"SLIPWAY_FRONT": "1", "SLIPWAY_FRONT_PORT": str(free_port()), "SLIPWAY_BASE_IMAGE": BASE_IMAGE}
        try:
            with Stack(data, **environ) as stack:
                took, load = measure(Rest(stack)), os.getloadavg()[0]
        finally:
            if (data / "studio-id").exists():
                remove_labelled(engine_here(), f"slipway.studio={(data / 'studio-id').read_text()}")
    REPORT.write_text(report := render(took, load))
    sys.stdout.write(report)
    return 1 if min(took["a content that is built"]) >= BAR else 0


def measure(rest: Rest) -> dict[str, list[float]]:
    """Seconds from the request to Healthy, by what was asked for."""
    rest.post("targets", {"name": "box", "kind": "docker"}, 201)
    rest.until_ready(rest.register("iris", MODEL))
    first = seconds(rest, "first", 1, lambda: rest.deploy("first", "iris:1", target="box"))
    again, updates = [], []
    for number in range(TIMES):
        name = f"again-{number}"
        again.append(seconds(rest, name, 1, lambda name=name: rest.deploy(name, "iris:1", target="box")))
        assert rest.get(f"services/{name}/logs?source=build")["text"] == ""  # nothing was built
        options = {"scoring_timeout_seconds": 20 + number}
        change = lambda options=options: rest.deploy("first", "iris:1", overwrite=True, deployment_config=options)  # noqa: E731
        updates.append(seconds(rest, "first", 2 + number, change))
    return {"the first one, with its image": [first], "a content that is built": again, "an update of options": updates}


def seconds(rest: Rest, name: str, revision: int, ask: Callable[[], object]) -> float:
    """Until the service is Healthy with the revision, and the one before has gone."""
    began = time.monotonic()
    ask()

    def settled(found: dict) -> bool:
        return (found["state"], found["update"], found["observed_revision"]) == ("Healthy", None, revision)

    rest.until(f"services/{name}", settled, SECONDS)
    return time.monotonic() - began


def render(took: dict[str, list[float]], load: float) -> str:
    """The report as Markdown."""
    engine = engine_here().version()["Version"]
    machine = f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total / 1e9:.0f} GB, {platform.platform()}"
    quickest = min(took["a content that is built"])
    rows = [
        f"| {what} | {len(times)} | {min(times):.1f} | {median(times):.1f} | {max(times):.1f} |"
        for what, times in took.items()
    ]
    return "\n".join(
        [
            "# Services on a Docker engine",
            "",
            f"Made by `python bench/containers.py` on {datetime.now(UTC):%Y-%m-%d}: {machine}, Docker {engine}. The "
            f"load of the machine was {load:.1f} on average of the last minute, this run's own included.",
            "",
            "Seconds from the request to Healthy, of an ONNX model without code (samples/iris):",
            "",
            "| deployed | times | quickest | median | slowest |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"The bar, {BAR:.0f} s for the quickest of a content that is built (other work slows a start down), is "
            f"{'met' if quickest < BAR else 'missed'}: nothing is built then, as the build's empty log shows. In a "
            "start, the engine makes and starts the container, the server loads the model, and the control loop sees "
            "that it answers; an update also moves the requests and ends the container before.",
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
