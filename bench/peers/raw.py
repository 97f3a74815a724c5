"""ONNX Runtime in a Python loop: the limit that no server can pass. `python bench/peers/raw.py question.npz …`.

Which layout is best depends on the model: one caller on one thread, one caller on every core, or one caller for each
core on a shared session. All that fit the concurrency are run, and the best counts.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import onnxruntime


def layouts(connections: int, cores: int) -> list[tuple[int, int]]:
    """(callers, threads of the session) worth trying."""
    found = [(1, 1), (1, cores)]
    return found if connections == 1 else [*found, (min(connections, cores), 1)]


def measure_raw(file: Path, inputs: dict[str, np.ndarray], layout: tuple[int, int], seconds: int) -> dict:
    """A layout's throughput, p50 and p99 (milliseconds)."""
    with tempfile.TemporaryDirectory(prefix="slipway-raw-") as folder:
        question = Path(folder) / "question.npz"
        np.savez(question, **inputs)
        command = [sys.executable, __file__, str(file), str(question), *map(str, layout), str(seconds)]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def call(session: onnxruntime.InferenceSession, feed: dict, taken: list[float], until: float) -> None:
    """Run until the time is over."""
    while (began := time.perf_counter()) < until:
        session.run(None, feed)
        taken.append(time.perf_counter() - began)


def main(file: str, question: str, callers: str, threads: str, seconds: str) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(threads)
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    feed = dict(np.load(question))
    call(session, feed, [], time.perf_counter() + 0.5)  # warm-up
    began, taken = time.perf_counter(), [[] for _ in range(int(callers))]
    crew = [threading.Thread(target=call, args=(session, feed, mine, began + float(seconds))) for mine in taken]
    for one in crew:
        one.start()
    for one in crew:
        one.join()
    lasted = time.perf_counter() - began
    everything = np.concatenate([np.array(mine) for mine in taken]) * 1e3
    p50, p99 = np.percentile(everything, [50, 99])
    print(json.dumps({"throughput": len(everything) / lasted, "p50": p50, "p99": p99, "errors": 0}))


if __name__ == "__main__":
    main(*sys.argv[1:])
