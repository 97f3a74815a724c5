"""The `onnx` package's backend tests on scoring servers, in every request format: results must be onnxruntime's.

    python -m tests.scoring.onnx.onnx_backend [--only NAME] [--write docs/benchmarks/onnx-backend.md]

Every test is run by onnxruntime first. What it runs, and what has tensors for inputs and outputs, is served, some
hundred models by a server, and must come back bit for bit: from binary tensor data, JSON (which has no infinities),
gRPC, and TensorFlow Serving's format by row and by column where it can represent them. NaN equals NaN.
"""

import argparse
import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import onnx
import onnxruntime

from tests.scoring.conftest import Replica
from tests.scoring.onnx.onnx_asking import WAYS, ask
from tests.scoring.onnx.onnx_cases import Case, cases, run_here
from tests.scoring.rpc_client import started

MODELS_OF_A_SERVER = 300


def serve_and_ask(chosen: list[Case], folder: Path) -> dict[str, dict[str, str]]:
    """Outcomes of one server for all these tests, by test and request format."""
    replica = Replica(folder)

    def maker(model: bytes) -> Any:
        def make(path: Path) -> None:
            path.parent.mkdir(parents=True)
            path.write_bytes(model)

        return make

    replica.with_models(**{case.name: maker(case.model) for case in chosen})
    with closing(replica):
        server = started(replica, wait=False, cpus=1)
        with closing(server):
            replica.wait_for("ready", 240)
            return {case.name: ask(case, server) for case in chosen}


def survey(chosen: list[Case], folder: Path) -> tuple[Counter[str], dict[str, dict[str, str]]]:
    """Run all tests: counts of those without a reference result, by reason, and the outcomes of the others."""
    reasons, asked = Counter(), []
    for case in chosen:
        reason = run_here(case, folder)
        if reason:
            reasons[reason] += 1
        else:
            asked.append(case)
            reasons["as the package expects" if case.as_expected else "other than the package expects"] += 1
    found: dict[str, dict[str, str]] = {}
    for first in range(0, len(asked), MODELS_OF_A_SERVER):
        found |= serve_and_ask(asked[first : first + MODELS_OF_A_SERVER], folder / str(first))
    return reasons, found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="tests whose names hold this")
    parser.add_argument("--write", type=Path, help="where the report goes, beside the standard output")
    options = parser.parse_args()
    chosen = [case for case in cases() if options.only in case.name]
    with tempfile.TemporaryDirectory() as folder:
        reasons, found = survey(chosen, Path(folder))
    report = report_of(len(chosen), reasons, found)
    sys.stdout.write(report)
    if options.write:
        options.write.write_text(report)
    wrong = {(name, way): outcome for name, ways in found.items() for way, outcome in ways.items() if is_wrong(outcome)}
    for (name, way), outcome in wrong.items():
        sys.stdout.write(f"{name}, {way}: {outcome[:500]}\n")
    return bool(wrong)


def is_wrong(outcome: str) -> bool:
    return outcome not in ("equal", "not representable")


def report_of(total: int, reasons: Counter[str], found: dict[str, dict[str, str]]) -> str:
    lines = [
        "# Backend tests of the onnx package",
        "",
        "Made by `python -m tests.scoring.onnx.onnx_backend --write docs/benchmarks/onnx-backend.md` with",
        f"onnx {onnx.__version__} and onnxruntime {onnxruntime.__version__}.",
        "",
        f"{total} tests; onnxruntime runs {len(found)} of them with tensors for inputs and outputs. Their results are",
        "compared bit for bit with those of onnxruntime called directly. Agreement with the package; tests not run:",
        "",
        *(f"- {count}: {reason}" for reason, count in reasons.most_common()),
        "",
        "| request format | equal | not representable | different |",
        "|---|---|---|---|",
    ]
    for way in WAYS:
        outcomes = [ways[way] for ways in found.values()]
        counts = (outcomes.count("equal"), outcomes.count("not representable"), sum(map(is_wrong, outcomes)))
        lines.append(f"| {way} | {' | '.join(map(str, counts))} |")
    return "\n".join(
        [
            *lines,
            "",
            "JSON has no infinities, nested lists have no shape of an empty tensor, gRPC no typed contents for FP16.",
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
