"""Load a graph with the installed ONNX Runtime and run synthetic rows: what the checker passes may still not load.

What the runtime refuses becomes a warning; the shapes of answers become the signature's, where the file declares
others. `facts["runtime"]` tells how it went: `name`, `version`, `loads` (None where that is not known), `rows` (the
numbers of rows that were run) and a `note` that says why something is not known.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import onnxruntime

from registry.inspection.formats import onnx_rows
from registry.inspection.formats.memory import free_bytes
from registry.inspection.formats.onnx_graph import LACKS_OPERATORS
from registry.inspection.formats.onnx_refusals import refusal_of, sentence_of
from registry.inspection.formats.report import Report
from registry.inspection.signature import read, stored

LOAD_SECONDS = 30.0
RUN_SECONDS = 5.0  # of all runs together
LOAD_FACTOR = 3  # memory that loading takes, in sizes of the weights
SPARE_BYTES = 96 * 1024 * 1024
MAX_RUN_BYTES = 512 * 1024 * 1024  # of weights; one run of a larger model may take longer than it is worth
MEMORY = "Loading it needs more memory than SLIPWAY_INSPECTION_MEMORY_BYTES allows."
Keep = Callable[[], None]


def try_out(report: Report, root: Path, keep: Keep = lambda: None) -> None:
    """Add to the report of an ONNX file what loading and running it tell.

    `keep` is called whenever the report is worth keeping although the process may not survive the next step.
    """
    runtime = {"name": "onnxruntime", "version": onnxruntime.__version__, "loads": None, "rows": [], "note": MEMORY}
    report.facts["runtime"] = runtime
    path = root / report.facts["main_file"]
    size = path.stat().st_size + sum((path.parent / name).stat().st_size for name in report.facts["external_data"])
    if LOAD_FACTOR * size + SPARE_BYTES > free_bytes():
        return
    runtime["note"] = "Loading it did not come to an end."
    keep()
    session = _load(path, report)
    if session is None:
        return
    runtime |= {"loads": True, "note": "Running made-up rows did not come to an end."}
    report.warnings[:] = [text for text in report.warnings if not text.startswith(LACKS_OPERATORS)]
    keep()
    runtime["note"] = ""
    if size <= MAX_RUN_BYTES:
        _measure(session, report)


def _load(path: Path, report: Report) -> onnxruntime.InferenceSession | None:
    """A session; None, and a warning or a note, where there is none."""
    options, runtime = onnxruntime.SessionOptions(), report.facts["runtime"]
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        with _after(LOAD_SECONDS, lambda: options.set_load_cancellation_flag(True)) as late:
            return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except MemoryError:
        runtime["note"] = MEMORY
    except Exception as error:  # the runtime raises a dozen types that have no base of their own
        if late.is_set():
            runtime["note"] = f"Loading it takes longer than {LOAD_SECONDS:g} seconds."
        elif "alloc" in str(error):  # std::bad_alloc comes as one of the same types
            runtime["note"] = MEMORY
        else:
            runtime |= {"loads": False, "note": sentence_of(error, path.parent)[:4000]}
            _warn(report, refusal_of(error, report.facts, path.parent))
    return None


def _warn(report: Report, refusal: str) -> None:
    """Where operators of a domain are lacking, that has been said."""
    if not any(text.startswith(LACKS_OPERATORS) for text in report.warnings):
        report.warnings.append(refusal)


def _measure(session: onnxruntime.InferenceSession, report: Report) -> None:
    """Correct the signature's outputs by what a few runs give; a model that takes no made-up rows keeps its own."""
    options, runs = onnxruntime.RunOptions(), []
    names = [one.name for one in session.get_outputs()]
    with _after(RUN_SECONDS, lambda: setattr(options, "terminate", True)):
        for rows, value in onnx_rows.TRIED:
            feed = onnx_rows.feed_of(session.get_inputs(), rows, value)
            try:
                results = session.run(names, feed, options) if feed is not None else None
            except Exception:  # as above; made-up rows may be anything but what it takes
                return
            if results is None:
                return
            runs.append((rows, [onnx_rows.shape_of(result) for result in results]))
    report.facts["runtime"]["rows"] = [rows for rows, _ in runs]
    if not onnx_rows.is_conclusive(session.get_inputs()):
        return
    graph = read(report.signature or {})
    certain = onnx_rows.is_certain(session.get_inputs(), report.facts["operators"])
    corrected = onnx_rows.corrected(graph, [shapes for _, shapes in runs], certain=certain)
    declared = {
        old.name: old.shape for old, new in zip(graph.outputs, corrected.outputs, strict=True) if old.shape != new.shape
    }
    if declared:
        report.facts["declared_shapes"] = declared
        report.signature = stored(corrected)


@contextmanager
def _after(seconds: float, act: Callable[[], None]) -> Iterator[threading.Event]:
    """Act, and set the event, once the block has taken so long."""
    late = threading.Event()

    def end() -> None:
        late.set()
        act()

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        timer.join()
