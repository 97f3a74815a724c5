"""A studio with many services of one tiny model, of which few are awake: `python bench/many_services.py`.

Deploys them in a studio of its own, lets all but a few sleep, waits until nothing moves, and measures for a minute the
processor time of the control loop (the worker of the queue `quick`, and the clock), then how long pages take. They are
given as processor time of the web server, too, which says more on a busy machine. Exits with 1 when a bar is missed.
"""

import argparse
import platform
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402
import psutil  # noqa: E402

from tests.rest import Rest  # noqa: E402
from tests.stack import Stack, free_port  # noqa: E402

MODEL = ROOT / "samples" / "iris" / "model.onnx"
LOOP = ("quick", "clock")  # who keeps services as they are wanted
PAGE_BAR, LOOP_BAR = 0.2, 5.0  # seconds; per cent of a core
PAGES = {
    "services": "services/",
    "services, last page": "services/?page=8",
    "one service": "services/tiny-000/",
    "its traffic": "services/tiny-000/?tab=traffic",
    "its metrics": "services/tiny-000/metrics/",
    "its revisions": "services/tiny-000/?tab=revisions",
    "models": "models/",
    "activity": "activity/",
    "start page": "",
}
SLEEPS = {"min_replicas": 0, "max_replicas": 1, "idle_seconds": 5}
SETTLE_SECONDS, PATIENCE_SECONDS = 20.0, 1800.0


@dataclass(frozen=True)
class Timed:
    """Seconds of the answers to one address: as a client sees them, and of the web server's processor."""

    name: str
    median: float
    longest: float
    processor: float


def main() -> int:
    options = _options()
    with studio(options.folder) as stack:
        rest = Rest(stack)
        began = time.monotonic()
        deploy(rest, options.services, options.awake)
        settled = time.monotonic() - began
        time.sleep(SETTLE_SECONDS)
        loop = {name: processor_share(stack.pids[name], options.seconds / len(LOOP)) for name in LOOP}
        pages = [timed(stack, name, path, options.rounds) for name, path in PAGES.items()]
    text = report(options, settled, loop, pages)
    print(text)
    if options.report:
        Path(options.report).write_text(text)
    return int(sum(loop.values()) > LOOP_BAR or max(page.median for page in pages) > PAGE_BAR)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--services", type=int, default=200)
    parser.add_argument("--awake", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60.0, help="for which the settled loop is watched")
    parser.add_argument("--rounds", type=int, default=15, help="requests to each page")
    parser.add_argument("--folder", default="/tmp/slipway-bench-many", help="data of the studio; must not exist")
    parser.add_argument("--report", help="also write the report to this file")
    return parser.parse_args()


@contextmanager
def studio(folder: str) -> Iterator[Stack]:
    first = 23000
    own = {
        "SLIPWAY_FRONT": "1",
        "SLIPWAY_FRONT_PORT": str(free_port()),
        "SLIPWAY_LOCAL_PORT_FIRST": str(first),
        "SLIPWAY_LOCAL_PORT_LAST": str(first + 999),
    }
    with Stack(Path(folder), **own) as running:
        yield running


def deploy(rest: Rest, services: int, awake: int) -> None:
    """All of them, and wait until nothing moves. Each starts once, to prove that it works."""
    version = rest.register("tiny", MODEL)
    rest.until_ready(version)
    rest.deploy("tiny-000", version)
    rest.until_healthy("tiny-000", PATIENCE_SECONDS)
    for number in range(1, services):
        rest.deploy(
            f"tiny-{number:03}", version, deployment_config={"memory_gb": 0.1} | (SLEEPS if number >= awake else {})
        )
    wanted = Counter({"Healthy": awake, "asleep": services - awake})
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := states(rest)) != wanted:
        if time.monotonic() > deadline:
            raise SystemExit(f"Some services still move: {dict(found)}.")
        time.sleep(2)


def states(rest: Rest) -> Counter[str]:
    """How many services are in each state."""
    found, page = Counter[str](), 1
    while True:
        answer = rest.get(f"services?page={page}")
        found.update("asleep" if service["asleep"] else service["state"] for service in answer["results"])
        if not answer["next"]:
            return found
        page += 1


def processor_share(pid: int, seconds: float) -> float:
    """Per cent of a core that a process and its children took while these seconds passed."""
    before = processor_seconds(pid)
    time.sleep(seconds)
    return 100 * (processor_seconds(pid) - before) / seconds


def processor_seconds(pid: int) -> float:
    """That a process and its children have taken so far."""
    process = psutil.Process(pid)
    return sum(sum(one.cpu_times()[:2]) for one in [process, *process.children(recursive=True)])


def timed(stack: Stack, name: str, path: str, rounds: int) -> Timed:
    """Ask for a page again and again, signed in."""
    with closing(signed_in(stack)) as client:
        client.get(f"/w/default/{path}").raise_for_status()
        before, seconds = processor_seconds(stack.pids["web"]), []
        for _ in range(rounds):
            began = time.monotonic()
            client.get(f"/w/default/{path}").raise_for_status()
            seconds.append(time.monotonic() - began)
        spent = (processor_seconds(stack.pids["web"]) - before) / rounds
    return Timed(name, statistics.median(seconds), max(seconds), spent)


def signed_in(stack: Stack) -> httpx.Client:
    client = httpx.Client(base_url=stack.address, timeout=60)
    client.get("/sign-in/")
    fields = {"username": stack.username, "password": stack.password}
    client.post("/sign-in/", data=fields, headers={"X-CSRFToken": client.cookies["csrftoken"]})
    return client


def report(options: argparse.Namespace, settled: float, loop: dict[str, float], pages: list[Timed]) -> str:
    """Markdown."""
    total = sum(loop.values())
    lines = [
        f"# {options.services} services on one machine, {options.awake} of them awake",
        "",
        "Made by `python bench/many_services.py`: one tiny ONNX model, SQLite, the embedded broker; the others",
        f"sleep. {psutil.cpu_count()} cores, {platform.platform()}, which others may have used as well.",
        "",
        f"All were deployed and settled after {settled:.0f} s. Then, with nothing to do, the control loop took "
        f"**{total:.1f} %** of a core ({', '.join(f'{name} {share:.1f} %' for name, share in loop.items())}); "
        f"the bar, {LOOP_BAR:g} %, is {'met' if total <= LOOP_BAR else 'missed'}.",
        "",
        f"| page | median, ms | longest, ms | processor, ms | within {PAGE_BAR * 1e3:.0f} ms |",
        "|---|---|---|---|---|",
        *(
            f"| {page.name} | {page.median * 1e3:.0f} | {page.longest * 1e3:.0f} | {page.processor * 1e3:.0f} | "
            f"{'yes' if page.median <= PAGE_BAR else 'no'} |"
            for page in pages
        ),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
