"""Conversion to ONNX: thirteen models trained on real data, each converted, measured and judged as the studio does.

`python -m bench.conversion [--report docs/benchmarks/conversion.md] [--classical-only]` makes an environment with the
models' libraries (PyTorch among them), trains, and runs the studio's own program over each model. It exits with 1 when
a bar is missed.
"""

import argparse
import json
import math
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import uv

from registry.conversion.inside.verdicts import Gates
from registry.conversion.outcome import Outcome
from registry.conversion.requirements import LIBRARIES, TOOLS
from registry.conversion.variant_names import VARIANTS

PROGRAM = Path("registry/conversion/inside/convert_file.py").resolve()
MODELS = Path("bench/conversion_models.py").resolve()
BARS = {"classical, one row": 10.0, "neural, one row": 1.7, "all recommended, 1,000 rows": 1.7}
CLASSICAL = (*LIBRARIES["scikit-learn"], *LIBRARIES["xgboost"], *LIBRARIES["lightgbm"], *TOOLS, "onnxruntime")
NEURAL = ("torch", "onnxscript")


@dataclass(frozen=True)
class Line:
    """One model: the recommended variant, or None, and the plain ONNX."""

    name: str
    kind: str
    original: dict[str, Any]
    variants: list[dict[str, Any]]
    problem: str = ""

    @property
    def best(self) -> dict[str, Any] | None:
        return next((one for one in self.variants if one["verdict"] == "recommended"), None)

    @property
    def shown(self) -> dict[str, Any] | None:
        return self.best or next((one for one in self.variants if one["one"]), None)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--report", type=Path)
    arguments.add_argument("--classical-only", action="store_true")
    arguments.add_argument("--environment", type=Path, help="one that has the libraries; left out: made")
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder = Path(name)
        python = (asked.environment or made(folder / "environment", asked.classical_only)) / "bin" / "python"
        lines = []
        for kind in ("classical",) if asked.classical_only else ("classical", "neural"):
            subprocess.run([python, MODELS, folder / kind, kind], check=True, env=environment())
            lines += [measured(python, place, kind) for place in sorted((folder / kind).iterdir()) if place.is_dir()]
    text = report(lines)
    print(text)
    if asked.report:
        asked.report.write_text(text)
    return 0 if all(bars(lines).values()) else 1


def made(place: Path, classical_only: bool) -> Path:
    tool = uv.find_uv_bin()
    packages = [*CLASSICAL, *(() if classical_only else NEURAL)]
    subprocess.run([tool, "venv", "-q", place], check=True)
    subprocess.run([tool, "pip", "install", "-q", "--python", place / "bin" / "python", *packages], check=True)
    return place


def environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "HOME": tempfile.gettempdir()}


def measured(python: Path, place: Path, kind: str) -> Line:
    """What the program says of one model, judged by the gates."""
    file = next(place.iterdir())
    rows, out = place.with_suffix(".csv"), place / "out"
    out.mkdir()
    task = {
        "folder": str(place),
        "main_file": file.name,
        "framework": "pytorch" if kind == "neural" else "scikit-learn",
    }
    task |= {"variants": VARIANTS, "rows": str(rows), "label": "label", "out": str(out), "memory_bytes": 16 * 1024**3}
    (place / "task.json").write_text(json.dumps(task))
    command = [python, "-I", "-B", PROGRAM, place / "task.json"]
    ended = subprocess.run(command, capture_output=True, env=environment(), check=False)
    found = Outcome()
    for line in ended.stdout.splitlines():
        found.add(json.loads(line))
    print(f"{place.name}: {'done' if found.done else found.refused or ended.stderr[-500:]}", file=sys.stderr)
    problem = "" if found.done else str((found.refused or {}).get("message", "the program died"))
    return Line(place.name, kind, found.result(), found.judged(Gates()), problem)


def mean(values: list[float]) -> float:
    """Geometric."""
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def figures(lines: list[Line]) -> dict[str, float]:
    """What the bars are about."""
    plain = {
        kind: [one.shown["one"] for one in lines if one.kind == kind and one.shown] for kind in ("classical", "neural")
    }
    return {
        "classical, one row": mean(plain["classical"]),
        "neural, one row": mean(plain["neural"]),
        "all recommended, 1,000 rows": mean([one.best["many"] for one in lines if one.best]),
    }


def bars(lines: list[Line]) -> dict[str, bool]:
    found = {name: not value < BARS[name] for name, value in figures(lines).items()}
    best = [one.best for one in lines if one.best]
    found["no recommended variant slower"] = all(
        min(one["one"], one["many"]) > 0.95 - one["facts"]["noise"] for one in best
    )
    found["every recommended variant within tolerance"] = all(
        group["largest"] <= one["facts"]["tolerance"] for one in best for group in one["facts"]["groups"]
    )
    found["every model measured"] = not any(one.problem for one in lines)
    return found


def report(lines: list[Line]) -> str:
    """The page of docs/benchmarks."""
    text = ["# Conversion to ONNX", "", made_on(), "", INTRODUCTION, "", *TABLE]
    text += [row(one) for one in lines]
    text += ["", "| bar | found | asked | |", "| --- | ---: | ---: | --- |"]
    values = figures(lines)
    for name, held in bars(lines).items():
        value, asked = (f"{values[name]:.1f}x", f"{BARS[name]:g}x") if name in values else ("", "")
        text.append(f"| {name} | {value} | {asked} | {'held' if held else 'missed'} |")
    return "\n".join([*text, ""])


def made_on() -> str:
    machine = f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total / 1e9:.0f} GB, {platform.platform()}"
    return f"Made by `python -m bench.conversion` on {datetime.now(UTC):%Y-%m-%d}: {machine}."


INTRODUCTION = (
    "Each model is trained on three fifths of a data set of scikit-learn's and asked about the rest; both sides on one "
    "thread, medians of interleaved rounds. The recommended variant is shown, or, where none is, the first that was "
    "measured. Difference: the largest over all kinds of rows that are compared (rows of the data set, rows made up, "
    "missing values where the model learnt them), of probabilities, or as a share of the answers' range."
)
TABLE = (
    "| model | original | variant | verdict | one row | 1,000 rows | difference | changed |",
    "| --- | --- | --- | --- | ---: | ---: | ---: | ---: |",
)


def row(one: Line) -> str:
    title, shown = one.original.get("title", ""), one.shown
    if shown is None:
        return f"| {one.name} | {title} | – | {one.problem} | | | | |"
    pace = one.original["paces"]["one"]["seconds"] * 1e6, shown["facts"]["paces"]["one"]["seconds"] * 1e6
    many = one.original["paces"]["many"]["seconds"] * 1e6, shown["facts"]["paces"]["many"]["seconds"] * 1e6
    return (
        f"| {one.name} | {title} | {shown['name']} | {shown['verdict']} | "
        f"{pace[0]:,.0f} → {pace[1]:,.1f} µs, {shown['one']:.1f}x | {many[0]:,.0f} → {many[1]:,.0f} µs, "
        f"{shown['many']:.1f}x | {shown['largest']:.1e} | {shown['changed']} |"
    )


if __name__ == "__main__":
    sys.exit(main())
