"""The bars that Slipway has to reach, as ratios of medians within one run, and whether they were met."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from bench.results import RAW, Cell, Results

LIGHT = ("tiny", "tabular")
# Of the models, in a form: connections, peer, least ratio of throughput.
THROUGHPUT: list[tuple[tuple[str, ...], str, int, str, float]] = [
    *((LIGHT, "json", connections, "triton", least) for connections, least in ((1, 2.5), (16, 3), (64, 2.5))),
    (LIGHT, "json", 16, "fastapi-async", 5),
    (LIGHT, "json", 16, "kserve", 10),
    (LIGHT, "json", 16, "mlserver", 12),
    (LIGHT, "json", 16, "azure", 12),
    (LIGHT, "json", 16, "mlflow", 12),
    (LIGHT, "json", 16, "bentoml", 20),
    *((("transformer",), "json", connections, "triton", least) for connections, least in ((1, 1.6), (16, 1), (64, 1))),
    (("cnn",), "json", 16, "triton", 1.2),
    *((("cnn",), "binary", connections, "triton", least) for connections, least in ((1, 1.6), (16, 1), (64, 1))),
    (("cnn",), "binary", 16, RAW, 0.9),
]
SAME_SCRIPT = {"azure": "slipway-script"}  # compared with the same entry script on both sides
LEAST_OF_LAST_BUILD = 0.95  # in every cell that was measured
START_OF_AZURE, START_SECONDS, MEMORY_OF_TRITON = 0.35, 0.5, 0.75


@dataclass(frozen=True)
class Verdict:
    what: str
    wanted: str
    found: str
    met: bool


def ours(peer: str) -> str:
    """Which of our rows a peer is compared with."""
    return SAME_SCRIPT.get(peer, "slipway")


def verdicts(results: Results) -> list[Verdict]:
    """Of every bar whose sides were chosen; one that could not be measured is missed."""
    return [
        *_throughput(results),
        *_last_build(results),
        *_latency(results),
        *_start(results),
        *_memory(results),
        *_faults(results),
    ]


def _throughput(results: Results) -> Iterator[Verdict]:
    for models, form, connections, peer, least in THROUGHPUT:
        for model in models:
            if _chosen(results, model, form, connections, ours(peer), peer):
                cells = [results.cell(model, form, name, connections) for name in (ours(peer), peer)]
                found = _quotient(cells, "throughput")
                what = f"{model}, {form}, {_connections(connections)}: throughput of {peer}"
                text = _ratio(found) + _star(cells)
                yield Verdict(what, f"≥ {least:g}x", text, found is not None and found >= least)


def _last_build(results: Results) -> Iterator[Verdict]:
    choice = results.choice
    for model, form, connections in product(choice.models, choice.forms, choice.connections):
        if _chosen(results, model, form, connections, "slipway", "last-build"):
            cells = [results.cell(model, form, name, connections) for name in ("slipway", "last-build")]
            found = _quotient(cells, "throughput")
            what = f"{model}, {form}, {_connections(connections)}: throughput of the last build"
            met = found is not None and found >= LEAST_OF_LAST_BUILD
            yield Verdict(what, f"≥ {LEAST_OF_LAST_BUILD:g}x", _ratio(found) + _star(cells), met)


def _latency(results: Results) -> Iterator[Verdict]:
    for model in LIGHT:
        if _chosen(results, model, "json", 64, "slipway", "triton"):
            cells = [results.cell(model, "json", name, 64) for name in ("slipway", "triton")]
            found = _quotient(cells, "p99")
            what = f"{model}, json, {_connections(64)}: p99 of triton"
            yield Verdict(what, "≤ 1x", _ratio(found) + _star(cells), _within(found, 1))


def _start(results: Results) -> Iterator[Verdict]:
    for name in ("slipway", "slipway-script"):
        mine, theirs = results.start(name), results.start("azure")
        if _chosen(results, "tiny", "json", None, name, "azure"):
            found = mine.seconds / theirs.seconds if mine and theirs else None
            met = _within(found, START_OF_AZURE)
            what = f"{name}: start to first response, relative to azure"
            yield Verdict(what, f"≤ {START_OF_AZURE:g}x", _ratio(found), met)
        if mine:
            met = mine.seconds <= START_SECONDS
            yield Verdict(f"{name}: start to first response", f"≤ {START_SECONDS:g} s", f"{mine.seconds:.2f} s", met)


def _memory(results: Results) -> Iterator[Verdict]:
    if _chosen(results, "tiny", "json", None, "slipway", "triton"):
        mine, theirs = results.start("slipway"), results.start("triton")
        found = mine.memory / theirs.memory if mine and theirs else None
        met = _within(found, MEMORY_OF_TRITON)
        yield Verdict("idle memory (PSS), relative to triton", f"≤ {MEMORY_OF_TRITON:g}x", _ratio(found), met)


def _faults(results: Results) -> Iterator[Verdict]:
    if "slipway" in results.choice.peers:
        errors = [run.result.errors for run in results.runs if run.peer.startswith("slipway")]
        found = str(sum(errors)) if errors else "not measured"
        yield Verdict("errors under load", "0", found, found == "0")
    if results.crowds:
        outcomes = [one for crowd in results.crowds.values() for one in crowd]
        bad = sum(one.bad for one in outcomes)
        reasons = sorted({reason for one in outcomes for reason in one.unanswered})
        total = bad + sum(one.right for one in outcomes)
        found = f"{bad} of {total:,}{f' ({reasons[0]})' if reasons else ''}"
        what = "wrong or missing responses to distinct requests while other clients disconnect"
        yield Verdict(what, "0", found, not bad)


def _chosen(results: Results, model: str, form: str, connections: int | None, *peers: str) -> bool:
    choice = results.choice
    fits = model in choice.models and form in choice.forms and set(peers) <= set(choice.peers)
    return fits and (connections is None or connections in choice.connections)


def _connections(count: int) -> str:
    return f"{count} connection{'s' if count > 1 else ''}"


def _quotient(cells: list[Cell | None], name: str) -> float | None:
    """Ours by theirs; None where one was not measured, or answered nothing in time."""
    mine, theirs = (getattr(cell, name) if cell else 0.0 for cell in cells)
    return mine / theirs if mine and theirs else None


def _star(cells: list[Cell | None]) -> str:
    """Marks what rests on disturbed runs."""
    return "" if all(cell.clean for cell in cells if cell) else "*"


def _ratio(found: float | None) -> str:
    return "not measured" if found is None else f"{found:.2f}x"


def _within(found: float | None, most: float) -> bool:
    return found is not None and found <= most
