"""Slipway's scoring server beside plain FastAPI + uvicorn + ONNX Runtime, in one run: `python bench/scoring.py`.

Same model, same request, same number of processes, same load generator, measured in turns. Slipway checks a
key and pushes telemetry meanwhile; the peer does neither. Exits with 1 when Slipway is below twice the
peer's throughput at 16 or 64 connections, has the worse p99 there, or answers anything wrongly.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from datetime import UTC, datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import onnx
import onnxruntime
import psutil
from onnx import TensorProto, helper

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.load import Load, Result, generator, measure  # noqa: E402

REPORT = ROOT / "docs" / "benchmarks" / "scoring.md"
PORTS = {"slipway": 8118, "peer": 8119, "studio": 8117}
PROCESSES = 2
BARS = {16: 2.0, 64: 2.0}  # connections: least ratio of throughput
KEY = "bench-key"
BODY = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [5.1, 3.5, 1.4, 0.2]}]}
PATH = "/v2/models/iris/infer"
Rounds = dict[tuple[str, int], list[Result]]


class Bystanders:
    """How many cores something other than the servers and the generator used, from the kernel's counters."""

    def __init__(self, servers: list[subprocess.Popen]) -> None:
        self._pids = [process.pid for process in servers]
        self.cores: list[float] = []

    def begin(self) -> None:
        self._before = time.monotonic(), self._busy() - self._ours()

    def end(self) -> None:
        began, busy = self._before
        self.cores.append(max(self._busy() - self._ours() - busy, 0.0) / (time.monotonic() - began))

    def _busy(self) -> float:
        times = psutil.cpu_times()
        return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)

    def _ours(self) -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = time.process_time() + children.ru_utime + children.ru_stime
        for pid in self._pids:
            for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
                times = process.cpu_times()
                used += times.user + times.system
        return used


def tiny_model(path: Path) -> None:
    """Logistic regression on four numbers: label and three probabilities, as iris would have it."""
    weights = [0.4, -0.6, 0.2, 1.4, -1.6, 0.2, -2.2, 0.6, 1.6, -1.0, -0.6, 1.6]
    constants = [
        helper.make_tensor("weights", TensorProto.FLOAT, [4, 3], weights),
        helper.make_tensor("bias", TensorProto.FLOAT, [3], [9.0, 2.0, -11.0]),
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4])
    label = helper.make_tensor_value_info("label", TensorProto.INT64, ["rows"])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", 3])
    graph = helper.make_graph(nodes, "iris", [x], [label, probabilities], initializer=constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


class Studio(BaseHTTPRequestHandler):
    """Takes telemetry, so that pushing it costs what it costs."""

    windows = 0

    def do_POST(self):
        Studio.windows += len(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["windows"])
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def start_slipway(folder: Path) -> subprocess.Popen:
    model, run = folder / "bundle/models/iris/1", folder / "run"
    model.mkdir(parents=True)
    run.mkdir()
    tiny_model(model / "model.onnx")
    listed = [{"name": "iris", "version": 1, "path": "models/iris/1"}]
    (folder / "bundle/bundle.json").write_text(json.dumps({"kind": "no_code", "models": listed}))
    (run / "keys.json").write_text(json.dumps({"digests": [sha256(KEY.encode()).hexdigest()]}))
    telemetry = {"url": f"http://127.0.0.1:{PORTS['studio']}/", "token": "t", "service": 1, "seconds": 1.0}
    settings = {
        "service": "iris", "workspace": "bench", "revision": 1, "recipe": "bench", "telemetry": telemetry,
        "bundle": str(folder / "bundle"), "port": PORTS["slipway"], "processes": PROCESSES,
    }  # fmt: skip
    (run / "run.json").write_text(json.dumps(settings))
    return subprocess.Popen([sys.executable, "-m", "scoring", str(run / "run.json")], cwd=ROOT)


def start_peer(folder: Path) -> subprocess.Popen:
    model = folder / "bundle/models/iris/1/model.onnx"
    command = [sys.executable, "-m", "uvicorn", "bench.scoring_peer:app", "--port", str(PORTS["peer"])]
    command += ["--workers", str(PROCESSES), "--log-level", "warning", "--no-access-log"]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | {"BENCH_MODEL": str(model)})


def load_for(name: str) -> Load:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
    return Load(PORTS[name], PATH, json.dumps(BODY), headers)


def answer_of(name: str) -> dict:
    load = load_for(name)
    request = urllib.request.Request(f"http://127.0.0.1:{load.port}{PATH}", load.body.encode(), load.headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def wait_until_up(name: str, process: subprocess.Popen) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            answer_of(name)
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{name} did not start") from None
            time.sleep(0.1)


def check_answers() -> None:
    """Both give the same probabilities."""
    values = {name: answer_of(name)["outputs"][1]["data"] for name in ("slipway", "peer")}
    pairs = zip(values["slipway"], values["peer"], strict=True)
    if any(abs(one - other) > 1e-6 for one, other in pairs):
        raise SystemExit(f"the answers differ: {values}")


def run_rounds(rounds: int, seconds: float, connections: list[int], bystanders: Bystanders) -> Rounds:
    """Visit both servers in turns; the order changes from round to round."""
    results: Rounds = {}
    for number in range(rounds):
        for count in connections:
            for name in ("slipway", "peer") if number % 2 == 0 else ("peer", "slipway"):
                measure(load_for(name), count, min(seconds, 1))  # warm-up
                bystanders.begin()
                result = measure(load_for(name), count, seconds)
                bystanders.end()
                results.setdefault((name, count), []).append(result)
                print(f"round {number + 1}  {name:8} c={count:<3} {result.throughput:9.0f}/s  p99 {result.p99:.2f} ms")
    return results


def middle(results: list[Result], field: str) -> float:
    return statistics.median(getattr(result, field) for result in results)


def judge(results: Rounds, connections: list[int]) -> tuple[list[str], list[str]]:
    """The rows of the table, and what missed its bar."""
    rows, missed = [], []
    for count in connections:
        ours, theirs = results["slipway", count], results["peer", count]
        ratio = middle(ours, "throughput") / middle(theirs, "throughput")
        calm = middle(ours, "p99") <= middle(theirs, "p99")
        for name, found in (("Slipway", ours), ("FastAPI", theirs)):
            cells = [
                f"{middle(found, 'throughput'):,.0f}",
                f"{middle(found, 'p50'):.2f}",
                f"{middle(found, 'p99'):.2f}",
            ]
            last = f"**{ratio:.1f}x**" if name == "Slipway" else ""
            rows.append(f"| {count} | {name} | {' | '.join(cells)} | {sum(one.errors for one in found)} | {last} |")
        if count in BARS and ratio < BARS[count]:
            missed.append(f"c={count}: {ratio:.2f}x the throughput, {BARS[count]:g}x wanted")
        if count in BARS and not calm:
            missed.append(f"c={count}: p99 is worse than the peer's")
        if errors := sum(one.errors for one in ours):
            missed.append(f"c={count}: {errors} errors")
    return rows, missed


def report(rows: list[str], missed: list[str], arguments: argparse.Namespace, others: list[float]) -> str:
    return "\n".join(
        [
            "# Scoring server: throughput and latency",
            "",
            f"Written by `python bench/scoring.py` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC.",
            "",
            f"- Machine: {os.cpu_count()} cores, {platform.machine()}, {platform.system()} {platform.release()}, "
            f"Python {platform.python_version()}, onnxruntime {onnxruntime.__version__}; "
            "servers and generator share the cores.",
            f"- Other programs used {statistics.median(others):.2f} cores meanwhile (median; {min(others):.2f} to "
            f"{max(others):.2f}): above 0.25 only the ratios mean something.",
            f"- Load: `{generator()}`, closed loop, keep-alive, {len(json.dumps(BODY))}-byte Open Inference Protocol "
            f"request; {arguments.rounds} rounds of {arguments.seconds:g} s in turns; medians.",
            f"- Slipway: {PROCESSES} processes, key check on, telemetry pushed every second "
            f"({Studio.windows} windows arrived).",
            f"- FastAPI: `async def`, uvicorn with {PROCESSES} workers, same session settings, no key check.",
            "",
            "| connections | server | requests/s | p50 ms | p99 ms | errors | throughput ratio |",
            "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
            *rows,
            "",
            "Bars: at least 2x the throughput at 16 and 64 connections, p99 not worse, no errors. "
            + ("All met." if not missed else f"Missed: {'; '.join(missed)}."),
            "",
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--report", type=Path, default=REPORT)
    arguments = parser.parse_args()
    studio = ThreadingHTTPServer(("127.0.0.1", PORTS["studio"]), Studio)
    threading.Thread(target=studio.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        servers = {"slipway": start_slipway(Path(folder)), "peer": start_peer(Path(folder))}
        try:
            for name, process in servers.items():
                wait_until_up(name, process)
            check_answers()
            bystanders = Bystanders(list(servers.values()))
            results = run_rounds(arguments.rounds, arguments.seconds, arguments.connections, bystanders)
        finally:
            for process in servers.values():
                process.terminate()
                process.wait(15)
    studio.shutdown()
    rows, missed = judge(results, arguments.connections)
    text = report(rows, missed, arguments, bystanders.cores)
    arguments.report.parent.mkdir(parents=True, exist_ok=True)
    arguments.report.write_text(text)
    print(text)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
