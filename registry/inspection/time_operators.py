"""The program that asks ONNX Runtime's profiler what each operator of a model takes; run in a sandbox by
`operator_times.py`, never imported by the studio.

`time_operators.py MODEL MEMORY_BYTES SECONDS` prints one JSON object: `batches`, for one row and for many what the
operators take of a run, and `timeline`, a run of one row in the order of its operators. The profiler writes into the
folder that it runs in. Times are of one thread, in microseconds.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

SIBLING = Path(__file__).with_name("inspect_file.py")
ROWS = (1, 32)
WARM_UP, MOST_RUNS = 3, 200
MOST_EVENTS = 200_000  # the profiler forgets what is beyond a million
SHOWN = 500  # operators that are told, the most expensive first; one line sums up the others
ENDING = "_kernel_time"
UNNAMED = "(no name)"


class Span(NamedTuple):
    """An operator at work: `start` since the profiler began, `own` without the operators of its subgraphs."""

    name: str
    op: str
    provider: str
    start: float
    duration: float
    own: float


def main(model: str, memory: str, seconds: str) -> int:
    """The exit status is 0 whenever there is an answer."""
    sibling = _sibling()
    sibling.limit(int(memory), int(float(seconds)) + 5)
    sibling.make_importable()
    json.dump(measure(Path(model), Path.cwd(), float(seconds)), sys.stdout)
    return 0


def _sibling() -> ModuleType:
    """The program that inspects: it knows how to lower limits and to find our packages."""
    found = spec_from_file_location(SIBLING.stem, SIBLING)
    assert found is not None and found.loader is not None  # noqa: S101, PT018 - there is such a file
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return module


def measure(model: Path, folder: Path, seconds: float) -> dict[str, Any]:
    """What the runtime's profiler tells within about so many seconds. Rows are made up, as nobody knows better ones."""
    batches, timeline = [], []
    for rows in ROWS:
        runs = list(profiled_runs(model, folder, rows, seconds / len(ROWS)))
        if not runs:
            continue
        batches.append({"rows": rows, "runs": len(runs), **summary(runs)})
        if rows == 1:
            timeline = [list(span) for span in typical(runs)[:SHOWN]]
    return {"batches": batches, "timeline": timeline}


def profiled_runs(model: Path, folder: Path, rows: int, seconds: float) -> Iterable[list[Span]]:
    """The operators of each run that counts; none where no rows can be made up."""
    import onnxruntime  # start-up: after the limits

    from registry.inspection.formats.onnx_rows import feed_of  # start-up: after the limits

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / f"rows-{rows}")  # two sessions of one millisecond share it else
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    feed = feed_of(session.get_inputs(), rows, 1)
    done, until = 0, time.monotonic() + seconds
    while feed is not None and done < WARM_UP + MOST_RUNS and (done < WARM_UP + 1 or time.monotonic() < until):
        session.run(None, feed)
        done += 1
    with open(session.end_profiling(), "rb") as file:  # once: asked again, it gives an empty name
        events = json.load(file)
    counted = runs_of(events)[WARM_UP:]
    most = max(1, MOST_EVENTS // max(1, len(counted[0]) if counted else 1))
    return counted[:most]


def runs_of(events: Sequence[Mapping[str, Any]]) -> list[list[Span]]:
    """The operators of each run, in the order in which they began.

    Example: a run from 10 to 30 with `If` from 11 to 21, inside of which `Add` takes 12 to 15, and `Mul` from 22 to 29:
    If (own 7), Add (own 3), Mul (own 7).
    """
    begun = sorted((one for one in events if "dur" in one), key=lambda one: (float(one["ts"]), -float(one["dur"])))
    runs: list[list[Span]] = []
    end, found = -1.0, list[Mapping[str, Any]]()
    for event in begun:
        start = float(event["ts"])
        if event.get("cat") == "Session" and event.get("name") == "model_run":
            if found:
                runs.append(spans_of(found))
            end, found = start + float(event["dur"]), []
        elif event.get("cat") == "Node" and str(event.get("name", "")).endswith(ENDING) and start <= end:
            found.append(event)
    return [*runs, spans_of(found)] if found else runs


def spans_of(events: Sequence[Mapping[str, Any]]) -> list[Span]:
    """With their own times: what runs within another one is taken from it."""
    own = [float(event["dur"]) for event in events]
    open_ones: list[int] = []  # those around the current one, outermost first
    for index, event in enumerate(events):
        start = float(event["ts"])
        while open_ones and start >= float(events[open_ones[-1]]["ts"]) + float(events[open_ones[-1]]["dur"]):
            open_ones.pop()
        if open_ones:
            own[open_ones[-1]] -= float(event["dur"])
        open_ones.append(index)
    return [_span(event, max(0.0, rest)) for event, rest in zip(events, own, strict=True)]


def _span(event: Mapping[str, Any], own: float) -> Span:
    facts = event.get("args") or {}
    name = str(event["name"]).removesuffix(ENDING) or UNNAMED
    op, provider = str(facts.get("op_name", "")), str(facts.get("provider", "")).removesuffix("ExecutionProvider")
    return Span(name[:200], op[:100], provider[:50], float(event["ts"]), float(event["dur"]), own)


def summary(runs: Sequence[Sequence[Span]]) -> dict[str, Any]:
    """Mean microseconds of each operator in a run, the most expensive first; `rest` is of those that are not told."""
    spent: dict[tuple[str, str, str], float] = defaultdict(float)
    calls: dict[tuple[str, str, str], int] = defaultdict(int)
    for run in runs:
        for span in run:
            spent[span[:3]] += span.own
            calls[span[:3]] += 1
    ranked = sorted(spent, key=lambda one: -spent[one])
    told = [[*one, spent[one] / len(runs), calls[one] / len(runs)] for one in ranked[:SHOWN]]
    left = sum(spent[one] for one in ranked[SHOWN:]) / len(runs)
    return {"microseconds": sum(spent.values()) / len(runs), "operators": told, "rest": left}


def typical(runs: Sequence[Sequence[Span]]) -> list[Span]:
    """The run that took the median time, counted from its first operator."""
    ranked = sorted(runs, key=lambda run: run[-1].start + run[-1].duration - run[0].start)
    chosen = ranked[len(ranked) // 2]
    first = chosen[0].start
    return [span._replace(start=span.start - first) for span in chosen]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
