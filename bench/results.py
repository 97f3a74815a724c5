"""What was measured, and the medians of it."""

import statistics
from dataclasses import dataclass, field

from bench.crowd import CrowdResult
from bench.load import Result
from bench.machine import CALM_CORES

RAW = "raw"  # ONNX Runtime in process: a peer without a form


@dataclass(frozen=True)
class Choice:
    """What was to be measured."""

    models: list[str]
    peers: list[str]
    forms: list[str]
    connections: list[int]


@dataclass(frozen=True)
class Run:
    """One measurement, and the cores that other processes used meanwhile."""

    model: str
    form: str
    peer: str
    connections: int
    result: Result
    others: float
    layout: tuple[int, int] | None = None  # of ONNX Runtime in process: callers, threads of the session


@dataclass(frozen=True)
class Start:
    """Launch to first right answer of the tiny model's service, and its memory when idle (MiB, PSS)."""

    peer: str
    seconds: float
    memory: float
    processes: int
    others: float


@dataclass(frozen=True)
class Failure:
    peer: str
    model: str
    form: str
    reason: str


@dataclass(frozen=True)
class Cell:
    """Medians of the clean runs; of the least disturbed one where none is clean."""

    throughput: float
    p50: float
    p99: float
    errors: int  # of all runs
    clean: int


@dataclass
class Results:
    choice: Choice
    runs: list[Run] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    crowds: dict[tuple[str, str, str], list[CrowdResult]] = field(default_factory=dict)  # by peer, model, form
    failures: list[Failure] = field(default_factory=list)

    def cell(self, model: str, form: str, peer: str, connections: int) -> Cell | None:
        """Of the layout that is best, where there are several."""
        wanted = (model, "" if peer == RAW else form, peer, connections)
        runs = [run for run in self.runs if (run.model, run.form, run.peer, run.connections) == wanted]
        cells = [_median([run for run in runs if run.layout == layout]) for layout in {run.layout for run in runs}]
        return max(cells, key=lambda cell: cell.throughput, default=None)

    def start(self, peer: str) -> Start | None:
        """Medians of a peer's clean starts."""
        starts = [start for start in self.starts if start.peer == peer]
        if not starts:
            return None
        used, _ = clean_of(starts)
        seconds, memory = (statistics.median(getattr(start, name) for start in used) for name in ("seconds", "memory"))
        return Start(peer, seconds, memory, used[0].processes, min(start.others for start in starts))


def _median(runs: list[Run]) -> Cell:
    used, clean = clean_of(runs)
    throughput, p50, p99 = (
        statistics.median(getattr(run.result, name) for run in used) for name in ("throughput", "p50", "p99")
    )
    return Cell(throughput, p50, p99, sum(run.result.errors for run in runs), clean)


def clean_of(measured: list) -> tuple[list, int]:
    """Those that count, and how many of them are clean."""
    clean = [one for one in measured if one.others < CALM_CORES]
    return clean or [min(measured, key=lambda one: one.others)], len(clean)
