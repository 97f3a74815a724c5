"""The report's text."""

import os
import platform
import statistics
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import onnxruntime

from bench.bars import Verdict, ours
from bench.machine import CALM_CORES
from bench.peers import PEERS
from bench.results import RAW, Cell, Failure, Results

TITLES = {
    "tiny": "tiny: logistic regression on 4 numbers",
    "tabular": "tabular: a forest of 100 trees on 30 features",
    "cnn": "cnn: ResNet-18 on 3 × 224 × 224",
    "transformer": "transformer: a MiniLM-L6 (22.7 M parameters) on 32 tokens",
}
FORMS = {"json": "JSON", "binary": "binary tensors"}


@dataclass(frozen=True)
class Method:
    """How it was measured: rounds, turns of a peer at a cell in each, and those of the close peers at large models."""

    rounds: int
    turns: int
    close_turns: int
    seconds: str  # of a turn, in words
    windows: int  # of telemetry, pushed meanwhile


def report(results: Results, judged: list[Verdict], method: Method) -> str:
    parts = [
        _head(results, method),
        _bars(judged),
        *(_table(results, model, form) for model in results.choice.models for form in results.choice.forms),
        _starts(results),
        _peers(results),
        _failures(results),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(results: Results, method: Method) -> str:
    others = [run.others for run in results.runs] or [0.0]
    disturbed = sum(one >= CALM_CORES for one in others)
    return f"""# Scoring server: throughput, latency, start and memory

Written by `python bench/scoring.py` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC.

- Machine: {os.cpu_count()} cores, {_processor()}, {platform.system()} {platform.release()}, Python \
{platform.python_version()}, onnxruntime {onnxruntime.__version__} in every server. Servers and the load generator \
share the cores, which narrows the gaps between quick servers. Compare the ratios, which hold for this machine.
- Load: `wrk`, one thread, closed loop, keep-alive. All servers are up at once and take turns at each cell, \
{method.turns} in a round, of {method.seconds} after 1 s of warm-up, so that all are measured under the same \
load of the machine; the others are idle meanwhile. Whole rounds are repeated ({method.rounds} in all, every second \
one in reverse order); \
a cell is the median of its clean runs. At the two large models, where a few percent decide, Slipway, Triton and ONNX \
Runtime itself have {method.close_turns} turns, and are up without the others, which have one.
- Clean: other processes, idle servers included, used less than {CALM_CORES:g} core by the kernel's counters. A \
disturbed run is repeated once. \
{disturbed} of {len(others)} runs were disturbed; the median of other processes was \
{statistics.median(others):.2f} core. \
`*` marks a cell without any clean run: the least disturbed one is shown.
- Every server is restarted for every round and model, on an unused port, and must be the only listener \
there; its answer is compared with ONNX Runtime's own before anything is measured, in every form.
- Slipway pushed {method.windows} telemetry windows meanwhile. Triton is its server binary from the \
nvidia-pytriton wheel with the **Python** backend: the wheel has no ONNX Runtime backend, \
whose C++ path should be quicker."""


def _processor() -> str:
    """What the kernel calls it, where it does."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _bars(judged: list[Verdict]) -> str:
    missed = sum(not one.met for one in judged)
    summary = f"{len(judged) - missed} of {len(judged)} met." if missed else f"All {len(judged)} met."
    rows = [f"| {one.what} | {one.wanted} | {one.found} | {'met' if one.met else '**missed**'} |" for one in judged]
    return "\n".join(
        ["## Bars", "", summary, "", "| Slipway against … | bar | found | |", "| --- | --- | --- | --- |", *rows]
    )


def _table(results: Results, model: str, form: str) -> str:
    connections = results.choice.connections
    rows = [
        _row(results, model, form, peer)
        for peer in results.choice.peers
        if any(results.cell(model, form, peer, count) for count in connections)
    ]
    if not any(run.model == model and run.form == form for run in results.runs):
        return ""
    counts = " | ".join(f"c = {count}: requests/s (p50 / p99 ms)" for count in connections)
    together = " / ".join(map(str, connections))
    return "\n".join(
        [
            f"## {TITLES[model]}, {FORMS[form]}",
            "",
            f"| server | {counts} | Slipway's throughput against it, c = {together} | clean runs | errors |",
            f"| --- | {'---: | ' * len(connections)}---: | ---: | ---: |",
            *rows,
        ]
    )


def _row(results: Results, model: str, form: str, peer: str) -> str:
    cells = [results.cell(model, form, peer, count) for count in results.choice.connections]
    mine = [results.cell(model, form, ours(peer), count) for count in results.choice.connections]
    ratios = " / ".join(
        f"{own.throughput / cell.throughput:.2f}x" if own and cell and cell.throughput else "–"
        for own, cell in zip(mine, cells, strict=True)
    )
    ratios = "" if peer.startswith("slipway") else ratios
    clean = " / ".join(str(cell.clean) if cell else "–" for cell in cells)
    errors = sum(cell.errors for cell in cells if cell)
    title = "ONNX Runtime in process, best layout" if peer == RAW else PEERS[peer].title
    return f"| {title} | {' | '.join(map(_cell_text, cells))} | {ratios} | {clean} | {errors} |"


def _cell_text(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    if not cell.throughput:
        return "no response in time"
    digits = 0 if cell.throughput >= 200 else 1
    star = "" if cell.clean else "*"
    return f"{cell.throughput:,.{digits}f} ({cell.p50:.2f} / {cell.p99:.1f}){star}"


def _starts(results: Results) -> str:
    starts = sorted(filter(None, map(results.start, results.choice.peers)), key=lambda start: start.seconds)
    rows = [
        f"| {PEERS[one.peer].title} | {one.seconds:.2f}{'' if one.others < CALM_CORES else '*'} | {one.memory:.0f} "
        f"| {one.processes} |"
        for one in starts
    ]
    method = (
        "The tiny model's service: launch to first correct response, and memory (PSS of all its processes) a second"
        " later; medians, several starts a round (more of Slipway and of Azure's server, which a bar compares), the"
        " servers taking turns."
    )
    head = [
        "## Start and memory",
        "",
        method,
        "",
        "| server | start s | PSS MiB | processes |",
        "| --- | ---: | ---: | ---: |",
    ]
    return "\n".join([*head, *rows]) if rows else ""


def _peers(results: Results) -> str:
    rows = [
        f"- {peer.title}: {peer.note}{'; ' if peer.requirements else ''}{', '.join(peer.requirements)}"
        for peer in (PEERS[name] for name in results.choice.peers if name != RAW)
    ]
    return "\n".join(["## How each is set up", "", "Sessions have one thread in every peer.", "", *rows])


def _failures(results: Results) -> str:
    rows = [
        f"- {one.peer}, {one.model}{f', {one.form}' if one.form else ''}: {_reason(one)}"
        for one in {(one.peer, one.model, one.form): one for one in results.failures}.values()
    ]
    return "\n".join(["## Not measured", "", *rows]) if rows else ""


def _reason(failure: Failure) -> str:
    """What was noticed, and the last thing that the server said."""
    lines = failure.reason.strip().splitlines()
    return " … ".join(dict.fromkeys([lines[0], lines[-1]]))
