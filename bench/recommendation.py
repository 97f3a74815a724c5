"""Is what a profile recommends right? `python bench/recommendation.py` writes docs/benchmarks/recommendation.md.

For three unlike models, each in turn: a profile with a goal; a service deployed with what it recommends, under the
stated load for a minute; the same with half of the replicas, where there is more than one. Exits with 1 when a service
with the recommendation misses its goal, or one with half of its replicas holds it.
"""

import argparse
import json
import platform
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import psutil  # noqa: E402

from bench import models  # noqa: E402
from monitoring.profiling.generator import run_load  # noqa: E402
from monitoring.profiling.latencies import merged, percentile  # noqa: E402
from monitoring.profiling.messages import Inline, Plan, Repeat  # noqa: E402
from tests.rest import Rest  # noqa: E402
from tests.stack import Stack, free_port  # noqa: E402

REPORT = ROOT / "docs" / "benchmarks" / "recommendation.md"
SECONDS, WARM_UP = 60.0, 3.0
PROFILE_SECONDS, PATIENCE = 240.0, 900.0
WAITS = """
import json, time

def init():
    pass

def run(data):
    time.sleep(0.04)
    return {"rows": len(json.loads(data)["data"])}
"""


@dataclass(frozen=True)
class Case:
    """`what`: for people. The goal: p99 under so many milliseconds at so many requests a second."""

    name: str
    what: str
    p99: float
    rate: float
    body: dict[str, Any]
    cpu: float | None = None


@dataclass(frozen=True)
class Minute:
    """A minute under load: with how many replicas, and milliseconds from the moment each request was due."""

    replicas: int
    p99: float
    answered: int
    failed: int

    def holds(self, goal: float) -> bool:
        return self.p99 <= goal and not self.failed


@dataclass(frozen=True)
class Outcome:
    case: Case
    options: dict[str, Any]
    profiled: float  # seconds
    full: Minute
    half: Minute | None


TOKENS = {"input_ids": [[7] * 32], "attention_mask": [[1] * 32]}
CASES = (
    Case("tiny", "logistic regression, ONNX", 50, 300, {"data": [[5.1, 3.5, 1.4, 0.2]]}),
    Case("transformer", "six layers of MiniLM's shape, ONNX", 400, 8, {"data": TOKENS}),
    Case("waits", "a script that waits for 40 ms", 250, 40, {"data": [[1.0]]}, cpu=8),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--only", choices=[case.name for case in CASES])
    chosen = parser.parse_args()
    outcomes = []
    front = {"SLIPWAY_FRONT": "1", "SLIPWAY_FRONT_PORT": str(free_port())}
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder, Stack(Path(folder, "data"), **front) as stack:
        rest = Rest(stack)
        for case in CASES:
            if chosen.only in (None, case.name):
                outcomes.append(tried(rest, case, Path(folder), chosen.seconds))
                print(row(outcomes[-1]), flush=True)
    if not chosen.only:
        REPORT.write_text(report(outcomes, chosen.seconds))
    return int(not all(is_right(one) for one in outcomes))


def tried(rest: Rest, case: Case, folder: Path, seconds: float) -> Outcome:
    asked = prepared(rest, case, folder)
    what = {"model": asked["models"][0]} | {name: asked[name] for name in ("config",) if name in asked}
    goal = {"latency_ms": case.p99, "rate": case.rate, "seconds": PROFILE_SECONDS, "cpu": case.cpu}
    profile = rest.post("profiles", what | goal | {"requests": [json.dumps(case.body)]}, 202)
    ended = lambda found: found["state"] in ("succeeded", "failed")  # noqa: E731
    profile, profiled = rest.until(f"profiles/{profile['id']}", ended, PATIENCE)
    found = (profile["result"] or {}).get("recommendation")
    if found is None:
        raise SystemExit(f"{case.name}: nothing is recommended: {profile['error'] or profile['result']['why']}")
    options = profile["result"]["options"]
    replicas = options.get("replicas", 1)
    full = minute(rest, case, asked, options, seconds)
    half = minute(rest, case, asked, options | {"replicas": replicas // 2}, seconds) if replicas > 1 else None
    rest.send("DELETE", f"services/{case.name}")
    return Outcome(case, options, profiled, full, half)


def minute(rest: Rest, case: Case, asked: dict[str, Any], options: dict[str, Any], seconds: float) -> Minute:
    """Of a service that is deployed with these options."""
    rest.send("POST", "services", json={"name": case.name, "overwrite": True, "deployment_config": options, **asked})
    time.sleep(2)
    rest.until(f"services/{case.name}", lambda one: (one["state"], one["update"]) == ("Healthy", None), PATIENCE)
    time.sleep(5)  # the replicas before it end
    return under_load(rest, case, options.get("replicas", 1), seconds)


def prepared(rest: Rest, case: Case, folder: Path) -> dict[str, Any]:
    """What a deployment of the case names."""
    model = folder / f"{case.name}.onnx"
    (models.transformer if case.name == "transformer" else models.tiny)(model)
    rest.until_ready(version := rest.register(case.name, model))
    if case.name != "waits":
        return {"models": [version]}
    script = rest.upload("score.py", WAITS.encode())
    facts = {"name": "waits", "kind": "entry_script", "entry_script": "score.py", "files": [script]}
    rest.post("environments", {"name": "plain", "requirements": [], "python_version": "3.11"}, 201)
    rest.post("configs", facts | {"environment": "plain:1"}, 201)
    return {"models": [version], "config": "waits:1"}


def under_load(rest: Rest, case: Case, replicas: int, seconds: float) -> Minute:
    """A constant rate through the front."""
    service, keys = rest.get(f"services/{case.name}"), rest.get(f"services/{case.name}/keys")
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {keys['primary']}"}
    plan = Plan(
        address=service["front_uri"],
        bodies=Inline(texts=[json.dumps(case.body)]),
        headers=headers,
        rate=case.rate,
        warm_up_seconds=WARM_UP,
        repeat_seconds=seconds,
    )
    repeats: list[Repeat] = run_load(plan)
    answered, failed = sum(one.answered for one in repeats), sum(sum(one.errors.values()) for one in repeats)
    p99 = percentile(merged(one.latency for one in repeats), 0.99)
    return Minute(replicas, float("inf") if p99 is None else p99, answered, failed)


def is_right(one: Outcome) -> bool:
    return one.full.holds(one.case.p99) and not (one.half and one.half.holds(one.case.p99))


def row(one: Outcome) -> str:
    half = f"{one.half.replicas}: {one.half.p99:.1f} ms, {one.half.failed} failed" if one.half else "one is enough"
    return (
        f"| {one.case.name} | {one.case.what} | {one.case.p99:g} ms at {one.case.rate:g}/s | {one.profiled:.0f} s | "
        f"{one.full.replicas} of {one.options.get('cpu', 1):g} cores | "
        f"{one.full.p99:.1f} ms, {one.full.failed} failed | {half} | {'yes' if is_right(one) else 'no'} |"
    )


def report(outcomes: list[Outcome], seconds: float) -> str:
    """Markdown."""
    machine = f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total / 1e9:.0f} GB, {platform.platform()}"
    return "\n".join(
        [
            "# Are recommendations of profiles right?",
            "",
            f"Made by `python bench/recommendation.py` on {datetime.now(UTC):%Y-%m-%d}: {machine}. A profile, then a "
            f"service with what it recommends under the stated load for {seconds:.0f} s, sent at a constant rate "
            "through the front from the same machine, then half of the replicas. Latency counts from when a request "
            "was due.",
            "",
            "| model | what | goal, p99 | profiled in | recommended | p99 with it | p99 with half | right |",
            "|---|---|---|---|---|---|---|---|",
            *(row(one) for one in outcomes),
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
