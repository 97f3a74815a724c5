"""The same forest as a joblib file, served without code by Slipway and its peers: `python bench/no_code.py`.

Each peer gets an environment of its own in ~/.cache/slipway-bench with the same scikit-learn, and reads the same file.
They are up together and take turns, and medians of the turns are compared. Exits with 1 when the bar is missed: three
times the requests per second of either peer at 16 connections. `--report` writes the page of figures.
"""

import argparse
import json
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPConnection, HTTPException
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)

import numpy as np  # noqa: E402

from bench.environment import environment  # noqa: E402
from bench.load import Generator, Load, Result  # noqa: E402
from bench.machine import free_port  # noqa: E402
from bench.peers.peer import CORES, HTTPTOOLS, NUMPY, UVLOOP  # noqa: E402

KEY = "bench-key"
SKLEARN = f"scikit-learn=={version('scikit-learn')}"
CONNECTIONS, BAR_CONNECTIONS, BAR = (1, 16, 64), 16, 3.0
TREES, FEATURES, ROWS = 100, 30, 1
START_SECONDS, WARM_UP_SECONDS = 120, 2
JSON = {"Content-Type": "application/json"}
SAVE_MLFLOW = """
import joblib, mlflow.sklearn
mlflow.sklearn.save_model(
    joblib.load("model.joblib"), "saved", pip_requirements=["scikit-learn"], pyfunc_predict_fn=PREDICT,
    skops_trusted_types=["numpy.dtype", "sklearn.tree._tree.Tree"],
)
"""


@dataclass(frozen=True)
class Peer:
    """One server: its packages, what it is asked, and where the answer stands."""

    name: str
    title: str
    requirements: tuple[str, ...]
    path: str
    method: str  # which of the estimator's methods it answers with


def _slipway_requirements() -> tuple[str, ...]:
    lines = (ROOT / "scoring" / "requirements.txt").read_text().splitlines()
    names = [line.partition(">=")[0] for line in lines if line and not line.startswith("#")]
    return (SKLEARN, NUMPY, *(f"{name}=={version(name)}" for name in names if name != "numpy"))


MLSERVER = ("mlserver==1.7.1", "mlserver-sklearn==1.7.1", "uvloop<0.22", SKLEARN, NUMPY)
MLFLOW = ("mlflow==3.17.2", UVLOOP, HTTPTOOLS, SKLEARN, NUMPY)
PEERS = (
    Peer("slipway", "**Slipway**", _slipway_requirements(), "/v2/models/forest/infer", "predict"),
    Peer("mlserver", "MLServer, scikit-learn runtime", MLSERVER, "/v2/models/forest/infer", "predict"),
    Peer("mlflow", "MLflow models serve", MLFLOW, "/invocations", "predict"),
    Peer("slipway-proba", "**Slipway**", _slipway_requirements(), "/v2/models/forest/infer", "predict_proba"),
    Peer("mlserver-proba", "MLServer, scikit-learn runtime", MLSERVER, "/v2/models/forest/infer", "predict_proba"),
    Peer("mlflow-proba", "MLflow models serve", MLFLOW, "/invocations", "predict_proba"),
)


class Running:
    """A peer that is up."""

    def __init__(self, peer: Peer, port: int, rows: Any) -> None:
        self.peer, self.port = peer, port
        self.load = Load(port, peer.path, _body(peer, rows), JSON | {"Authorization": f"Bearer {KEY}"})

    def answer(self) -> Any:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", self.load.path, self.load.content, self.load.headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise HTTPException(f"{response.status}: {content[:300]!r}")
        body = json.loads(content)
        return body["predictions"] if self.peer.path == "/invocations" else body["outputs"][0]["data"]


def _body(peer: Peer, rows: Any) -> bytes:
    if peer.path == "/invocations":
        return json.dumps({"inputs": rows.tolist()}).encode()
    tensor = {"name": "x", "shape": list(rows.shape), "datatype": "FP64", "data": rows.ravel().tolist()}
    return json.dumps({"inputs": [tensor], "outputs": [{"name": peer.method}]}).encode()


@contextmanager
def started(peer: Peer, model: Path, rows: Any) -> Iterator[Running]:
    """Start a peer and wait for its first answer."""
    bin = environment(f"no-code-{peer.name.removesuffix('-proba')}", peer.requirements)
    with tempfile.TemporaryDirectory(prefix="slipway-no-code-") as name:
        folder, port = Path(name), free_port()
        shutil.copy(model, folder / "model.joblib")
        command = WRITERS[peer.name.removesuffix("-proba")](peer, folder, bin, port)
        variables = {
            "PATH": f"{bin}:/usr/bin:/bin",
            "HOME": name,
            "PYTHONPATH": str(ROOT) if "slipway" in peer.name else "",
        }
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=folder, env=variables, stdout=log, stderr=log, start_new_session=True
            )
        running = Running(peer, port, rows)
        try:
            _wait(running, process, folder)
            yield running
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            process.kill()


def _wait(running: Running, process: subprocess.Popen, folder: Path) -> None:
    end, error = time.monotonic() + START_SECONDS, ""
    while time.monotonic() < end and process.poll() is None:
        try:
            running.answer()
        except (OSError, HTTPException, ValueError, KeyError) as refused:
            error = repr(refused)
            time.sleep(0.2)
        else:
            return
    raise SystemExit(f"{running.peer.name} gives no answer: {error}\n{(folder / 'log').read_text()[-3000:]}")


def _write_slipway(peer: Peer, folder: Path, bin: Path, port: int) -> list[str]:
    place = folder / "bundle" / "models" / "forest" / "1"
    place.mkdir(parents=True)
    (folder / "model.joblib").rename(place / "model.joblib")
    model = {"name": "forest", "version": 1, "path": "models/forest/1", "file": "model.joblib", "format": "pickle"}
    model |= {"framework": "scikit-learn", "framework_version": version("scikit-learn")}
    (folder / "bundle" / "bundle.json").write_text(json.dumps({"kind": "no_code", "models": [model]}))
    run = folder / "run"
    run.mkdir()
    (run / "keys.json").write_text(json.dumps({"digests": [sha256(KEY.encode()).hexdigest()]}))
    settings = {"service": "bench", "workspace": "bench", "revision": 1, "recipe": "bench", "port": port}
    (run / "run.json").write_text(json.dumps(settings | {"bundle": str(folder / "bundle")}))
    return [str(bin / "python"), "-m", "scoring", "--console", str(run / "run.json")]


def _write_mlserver(peer: Peer, folder: Path, bin: Path, port: int) -> list[str]:
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    (folder / "settings.json").write_text(json.dumps(settings | {"debug": False, "parallel_workers": CORES}))
    model = {"name": "forest", "implementation": "mlserver_sklearn.SKLearnModel"}
    model["parameters"] = {"uri": "./model.joblib", "version": "1"}  # type: ignore[assignment]
    (folder / "model-settings.json").write_text(json.dumps(model))
    return [str(bin / "mlserver"), "start", "."]


def _write_mlflow(peer: Peer, folder: Path, bin: Path, port: int) -> list[str]:
    save = SAVE_MLFLOW.replace("PREDICT", repr(peer.method))
    subprocess.run([str(bin / "python"), "-c", save], cwd=folder, check=True, capture_output=True)
    command = [str(bin / "mlflow"), "models", "serve", "--model-uri", "saved", "--env-manager", "local"]
    return [*command, "--host", "127.0.0.1", "--port", str(port), "--workers", str(CORES)]


WRITERS = {"slipway": _write_slipway, "mlserver": _write_mlserver, "mlflow": _write_mlflow}


def make_forest(path: Path) -> tuple[Any, Any]:
    """A forest on the breast-cancer data, and rows to ask it about."""
    import joblib
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import RandomForestClassifier

    features, labels = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(TREES, random_state=0).fit(features, labels)
    joblib.dump(forest, path)
    return forest, features[:ROWS]


def measure(method: str, seconds: int, turns: int) -> dict[str, dict[int, list[Result]]]:
    """Results by peer and connections."""
    found: dict[str, dict[int, list[Result]]] = {}
    with tempfile.TemporaryDirectory(prefix="slipway-forest-") as name, ExitStack() as stack:
        forest, rows = make_forest(Path(name) / "model.joblib")
        peers = [peer for peer in PEERS if peer.method == method]
        running = [stack.enter_context(started(peer, Path(name) / "model.joblib", rows)) for peer in peers]
        wanted = getattr(forest, method)(rows)
        for one in running:
            if not np.allclose(np.ravel(one.answer()), np.ravel(wanted)):
                raise SystemExit(f"{one.peer.name} answers {one.answer()}, not {wanted.tolist()}")
        for connections in CONNECTIONS:
            for turn in range(turns):
                for one in running:
                    with Generator(one.load) as generator:
                        if not turn:
                            generator.measure(connections, WARM_UP_SECONDS)
                        result = generator.measure(connections, seconds)
                    found.setdefault(one.peer.title, {}).setdefault(connections, []).append(result)
                    print(f"{method:14} {one.peer.name:15} c={connections:<3} {result}", flush=True)
    return found


def _median(results: list[Result], figure: str) -> float:
    return statistics.median(getattr(one, figure) for one in results)


def report(measured: dict[str, dict[str, dict[int, list[Result]]]], seconds: int, turns: int) -> tuple[str, bool]:
    """The page, and whether the bar is met."""
    lines = [
        "# Without code",
        "",
        f"Made by `python bench/no_code.py`: a scikit-learn {version('scikit-learn')} forest of {TREES} trees on "
        f"{FEATURES} features, as the",
        f"same joblib file (MLflow: saved from it), {ROWS} row a request, on {CORES} cores that `wrk` shares. "
        f"Medians of {turns} turns of {seconds} s, in",
        "which the servers take turns and are up together: other work on the machine slows them alike. MLServer 1.7.1 "
        "with a parallel",
        "worker for each core, MLflow 3.17.2 with as many workers and uvloop. Answers are checked first. Keys, "
        "admission, request ids",
        "and counters are on in Slipway.",
        "",
        f"The bar: at least {BAR:g} times the requests per second of either at {BAR_CONNECTIONS} connections.",
    ]
    met = True
    for method, found in measured.items():
        lines += ["", f"## `{method}`", "", "| server | connections | requests/s | p50 ms | p99 ms | errors |"]
        lines.append("|---|---|---|---|---|---|")
        for title, cells in found.items():
            for connections, results in cells.items():
                figures = [_median(results, name) for name in ("throughput", "p50", "p99")]
                errors = sum(one.errors for one in results)
                lines.append(
                    f"| {title} | {connections} | {figures[0]:,.0f} | {figures[1]:.2f} | {figures[2]:.2f} | {errors} |"
                )
        own = _median(found["**Slipway**"][BAR_CONNECTIONS], "throughput")
        for title, cells in found.items():
            if title != "**Slipway**":
                times = own / _median(cells[BAR_CONNECTIONS], "throughput")
                met = met and times >= BAR
                lines += ["", f"At {BAR_CONNECTIONS} connections: {times:.1f} times {title}."]
    return "\n".join([*lines, ""]), met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--report", type=Path, help="write the page to this file, too")
    arguments = parser.parse_args()
    methods = ("predict", "predict_proba")
    measured = {method: measure(method, arguments.seconds, arguments.turns) for method in methods}
    text, met = report(measured, arguments.seconds, arguments.turns)
    print(text)
    if arguments.report:
        arguments.report.write_text(text)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
