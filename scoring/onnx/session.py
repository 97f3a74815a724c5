"""Sessions of ONNX Runtime, and which of two runs a model faster."""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter_ns, sleep

import onnxruntime

from scoring.contract import BundledModel
from scoring.core.bundle import tree
from scoring.core.errors import StartFailure
from scoring.core.tensors import Feed
from scoring.onnx.runtime_internals import LOAD_ERRORS, Run

RUNS = 5  # timed together
ENOUGH_NS = 100_000_000  # in all: a core that was idle takes a while to reach its clock rate
SLOW_NS = 1_000_000_000  # no third run after so long
GAIN = 1.05  # what all cores must at least be worth, where they may be two threads of one
PAUSES = (0, 0.5, 0.5)  # seconds before each comparison
TRIAL = onnxruntime.RunOptions()  # of a run on synthetic values: its failure is not logged
TRIAL.log_severity_level = 4


def open_session(
    bundled: BundledModel, path: Path, threads: int, providers: Sequence[str]
) -> onnxruntime.InferenceSession:
    """A session with so many intra-op threads; StartFailure(model_invalid) when it cannot be opened.

    Threads spin while a run lasts, since its parts are short, and never between runs.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if threads > 1 else "0")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=list(providers))
    except LOAD_ERRORS as error:
        message = f"ONNX Runtime cannot load {bundled.name}:{bundled.version} ({path.name})"
        raise StartFailure("model_invalid", message, f"{error}\n\n{tree(path.parent)}") from error


def is_faster(wide: Run, narrow: Run, names: Sequence[str], feed: Feed) -> bool:
    """Whether `wide` is worth its cores, compared again after a pause where it seems not to be.

    Other programs may have one of the cores for up to a second, and on a virtual machine nothing tells so. Say narrow
    takes 34 ms, and wide 18 ms on two free cores: while another program has one of them, wide takes 33 ms and does not
    seem worth it. The second comparison, half a second later, finds 18 ms, and wide is used. A model whose work cannot
    be split takes 33 ms in all three.
    """
    for pause in PAUSES:
        sleep(pause)
        if quickest(wide, names, feed) * GAIN <= quickest(narrow, names, feed):
            return True
    return False


def quickest(run: Run, names: Sequence[str], feed: Feed) -> int:
    """Nanoseconds of the fastest of several runs."""
    times = _time(run, names, feed)
    while sum(times) < ENOUGH_NS:
        times += _time(run, names, feed)
    return min(times)


def _time(run: Run, names: Sequence[str], feed: Feed) -> list[int]:
    """Nanoseconds of a few runs; of two where those take long."""
    times: list[int] = []
    while len(times) < 2 or (len(times) < RUNS and sum(times) < SLOW_NS):
        started = perf_counter_ns()
        run(names, feed, TRIAL)
        times.append(perf_counter_ns() - started)
    return times
