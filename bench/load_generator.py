"""The load generator of profiles beside wrk: `python bench/load_generator.py [--rounds N] [--write FILE]`.

Both put the same closed loops on the same servers, in turn; the figures are medians of the half of the rounds that
other programs disturbed least.
Exits with 1 when a bar is missed: p50 and p99 within 10 % of wrk's on the servers that take a time of their own, and
5,000 requests a second from one process on one core against one that answers at once.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.load import Generator, Load  # noqa: E402
from bench.machine import Family, OtherProcesses, free_port  # noqa: E402
from monitoring.profiling.generator import run_load  # noqa: E402
from monitoring.profiling.latencies import percentile  # noqa: E402
from monitoring.profiling.messages import Inline, Plan, Repeat  # noqa: E402

SECONDS, START_SECONDS = 3, 5.0
APART, LEAST_RATE = 0.10, 5000.0
ENOUGH = 2000  # requests in a round, for its p99 to be judged
HEADERS = {"Content-Type": "application/json"}
# An asyncio server that answers after a time drawn from the lognormal distribution (median and sigma), or at once.
SERVER = """
import asyncio, random, sys, httptools, uvloop
median, sigma = float(sys.argv[2]), 0.4
chance = random.Random(1)
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: 2\\r\\n\\r\\n{}"
class Protocol(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.parser = transport, httptools.HttpRequestParser(self)
    def data_received(self, data):
        self.parser.feed_data(data)
    def on_message_complete(self):
        if median:
            asyncio.get_running_loop().call_later(median * chance.lognormvariate(0, sigma), self.write)
        else:
            self.write()
    def write(self):
        if not self.transport.is_closing():
            self.transport.write(ANSWER)
async def main():
    server = await asyncio.get_running_loop().create_server(Protocol, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()
uvloop.run(main())
"""


@dataclass
class Cell:
    """One server with so many connections. Of each round: cores that other programs used, p50 and p99 in
    milliseconds, requests a second.
    """

    server: str
    connections: int
    judged: bool
    wrk: list[tuple[float, float, float, float]] = field(default_factory=list)
    own: list[tuple[float, float, float, float]] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)  # of our generator

    def medians(self, which: str) -> tuple[float, float, float, float]:
        """Of the half of the rounds that others disturbed least; the most that others used in those comes last."""
        rounds = sorted(getattr(self, which))
        others, p50, p99, rate = zip(*rounds[: (len(rounds) + 1) // 2], strict=True)
        return statistics.median(p50), statistics.median(p99), statistics.median(rate), max(others)

    def apart(self) -> tuple[float, float]:
        """How far ours are from wrk's, p50 and p99, as shares."""
        own, wrk = self.medians("own"), self.medians("wrk")
        return own[0] / wrk[0] - 1, own[1] / wrk[1] - 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--write", type=Path)
    chosen = parser.parse_args()
    cells: list[Cell] = []
    for name, median, connections, judged in (
        ("answers at once", 0.0, (1, 16), False),
        ("5 ms, lognormal", 0.005, (1, 16, 64), True),
        ("20 ms, lognormal", 0.02, (16, 256), True),
    ):
        with answering(median) as server:
            cells += [measure(Cell(name, count, judged), server, b"{}", chosen.rounds) for count in connections]
    with scoring() as server:
        body = (ROOT / "samples" / "iris" / "sample.json").read_bytes()
        iris = [Cell("scoring server, iris", count, False) for count in (1, 16)]
        cells += [measure(one, server, body, chosen.rounds) for one in iris]
    table, met = report(cells)
    print(table)
    if chosen.write:
        chosen.write.write_text(f"{intro(chosen.rounds)}\n{table}\n")
    return 0 if met else 1


@dataclass(frozen=True)
class Server:
    port: int
    family: Family


@contextmanager
def started(command: list[str], port: int) -> Iterator[Server]:
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        time.sleep(START_SECONDS)
        yield Server(port, Family(process))
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def answering(median: float) -> Iterator[Server]:
    port = free_port()
    with started([sys.executable, "-c", SERVER, str(port), str(median)], port) as server:
        yield server


@contextmanager
def scoring() -> Iterator[Server]:
    """The product's own server with the iris sample, as it is started, without keys."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="slipway-load-") as place:
        bundle, run = Path(place, "bundle"), Path(place, "run")
        (bundle / "models/iris/1").mkdir(parents=True)
        run.mkdir()
        (bundle / "models/iris/1/model.onnx").write_bytes((ROOT / "samples/iris/model.onnx").read_bytes())
        model = {"name": "iris", "version": 1, "path": "models/iris/1", "framework": "onnx"}
        (bundle / "bundle.json").write_text(json.dumps({"kind": "no_code", "models": [model]}))
        settings = {"service": "bench", "workspace": "bench", "revision": 1, "recipe": "bench", "port": port}
        (run / "run.json").write_text(json.dumps(settings | {"bundle": str(bundle), "processes": 1, "auth": False}))
        with started([sys.executable, "-m", "scoring", str(run / "run.json")], port) as server:
            yield server


def measure(cell: Cell, server: Server, body: bytes, rounds: int) -> Cell:
    """Both generators, in turn, `rounds` times."""
    plan = Plan(
        address=f"http://127.0.0.1:{server.port}/score",
        bodies=Inline(texts=[body.decode()]),
        headers=HEADERS,
        connections=cell.connections,
        warm_up_seconds=0.5,
        repeat_seconds=SECONDS,
    )
    with Generator(Load(server.port, "/score", body, HEADERS)) as wrk:
        for _ in range(rounds):
            others = OtherProcesses(server.family)
            told = wrk.measure(cell.connections, SECONDS)
            cell.wrk.append((others.cores(), told.p50, told.p99, told.throughput))
            others = OtherProcesses(server.family)
            (repeat,) = run_load(plan)
            cell.own.append((others.cores(), *figures(repeat)))
            cell.cores.append(repeat.cpu)
            if told.errors or repeat.errors:
                raise SystemExit(f"{cell.server}: errors: {told.errors} of wrk's, {repeat.errors} of ours.")
    return cell


def figures(repeat: Repeat) -> tuple[float, float, float]:
    p50, p99 = (percentile(repeat.latency, share) or 0.0 for share in (0.5, 0.99))
    return p50, p99, repeat.answered / repeat.seconds


def report(cells: list[Cell]) -> tuple[str, bool]:
    """The table, and whether the bars are met."""
    lines = [
        "| server | connections | p50, wrk | ours | p99, wrk | ours | requests/s, wrk | ours | our cores | others |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    met = True
    for cell in cells:
        wrk, own, (p50, p99) = cell.medians("wrk"), cell.medians("own"), cell.apart()
        if cell.judged:
            has_tail = min(wrk[2], own[2]) * SECONDS >= ENOUGH
            met &= abs(p50) <= APART and (abs(p99) <= APART or not has_tail)
        lines.append(
            f"| {cell.server} | {cell.connections} | {wrk[0]:.3g} ms | {own[0]:.3g} ms ({p50:+.0%}) | {wrk[1]:.3g} ms "
            f"| {own[1]:.3g} ms ({p99:+.0%}) | {wrk[2]:,.0f} | {own[2]:,.0f} | {statistics.median(cell.cores):.2f} "
            f"| {max(wrk[3], own[3]):.1f} |"
        )
    quickest = max(cell.medians("own")[2] for cell in cells)
    met &= quickest >= LEAST_RATE
    return "\n".join(lines), met


def intro(rounds: int) -> str:
    return (
        "# The load generator beside wrk\n\n"
        f"Made by `python bench/load_generator.py`: closed loops, {rounds} rounds of {SECONDS} s of wrk 4.1 and the\n"
        "generator in turn, each one process on the machine's 2 cores, which the server shares; medians of the half\n"
        "of the rounds that other programs disturbed least (*others*: cores that they used, at most). Bars: p50\n"
        f"and p99 within {APART:.0%} of wrk's on the servers that take a time of their own, and {LEAST_RATE:,.0f}\n"
        f"requests a second. A p99 of fewer than {ENOUGH:,} requests a round is not judged.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
