"""A second kind of model, with nothing but numpy: a matrix in a .npy file, by which rows are multiplied.

As a program it is the scoring server with this loader beside the others:

    python -m tests.scoring.engine.numpy_loader run.json
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scoring.contract import BundledModel, RunSettings
from scoring.core.errors import StartFailure, bad_input
from scoring.core.tensors import Feed, Tensor
from scoring.engine.loaders import LOADERS

RUN_SECONDS = 0.01  # each run takes so long, however many rows it has: sharing runs pays


class MatrixModel:
    """y = x @ matrix. The declared shape of y leaves its width open, which calibration finds out."""

    platform = "numpy_matrix"
    backend = "numpy"
    runs_in_calling_thread = False  # it sleeps: processor time does not tell what a run costs

    def __init__(self, bundled: BundledModel, matrix: np.ndarray) -> None:
        self.name, self.version = bundled.name, bundled.version
        self.inputs = self.required_inputs = {"x": Tensor("x", "FP32", (-1, len(matrix)))}
        self.outputs = {"y": Tensor("y", "FP32", (-1, -1))}
        self.output_names = ("y",)
        self.columns: list[str] = []
        self._matrix = matrix

    def compute(self, names: Sequence[str], feed: Feed, *, all_cores: bool = False, trial: bool = False) -> list[Any]:
        time.sleep(RUN_SECONDS)
        if not np.isfinite(feed["x"]).all():
            raise bad_input("the model refuses these inputs: a value is missing")
        return [feed["x"] @ self._matrix for _ in names]

    def batch_dependence(self) -> str:
        return ""


def load_matrix(bundled: BundledModel, folder: Path, run: RunSettings) -> MatrixModel:
    try:
        return MatrixModel(bundled, np.load(folder / bundled.path / "matrix.npy"))
    except (OSError, ValueError) as error:
        raise StartFailure("model_invalid", f"{bundled.name} holds no matrix: {error}") from error


if __name__ == "__main__":
    LOADERS["numpy"] = lambda: load_matrix
    from scoring.process.command import main

    sys.exit(main())
