"""LightGBM's own text format: what `Booster.predict` gives. Thresholds have 64 bits, so that inputs have, too."""

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from scoring.contract import BundledModel, RunSettings
from scoring.core.bundle import model_file
from scoring.core.log import log
from scoring.core.tensors import FREE, Array, Tensor
from scoring.tabular.model import REFUSED, Method, Shape, TabularModel, invalid

INPUT = "x"
OBJECTIVE = "objective="  # a line of the file's head
HEAD_LINES = 50
GENERATED = "Column_"  # what LightGBM calls the columns of an array


def load_model(bundled: BundledModel, folder: Path, run: RunSettings) -> TabularModel:
    """Load a booster from a bundle; StartFailure(model_invalid) when it cannot be."""
    path = model_file(folder, bundled)
    try:
        booster = lightgbm.Booster(model_file=str(path))
    except (lightgbm.basic.LightGBMError, ValueError, TypeError) as error:
        why = f"cannot be loaded by LightGBM {lightgbm.__version__}: {error}"
        raise invalid(bundled, why) from error
    if not _has_objective(path):
        log(
            f"{bundled.name}:{bundled.version} was trained with an objective of its own: its answers are raw scores",
            "W",
        )
    width, names = booster.num_feature(), booster.feature_name()
    columns = [] if all(name.startswith(GENERATED) for name in names) else names

    def predict(rows: Array) -> Any:
        # Threads of its own would fight those of the other processes over the cores.
        return booster.predict(rows, num_threads=1, validate_features=False)

    seen = np.asarray(predict(np.zeros((2, width))))
    method = Method(predict, Tensor("predict", "FP64", (FREE, *seen.shape[1:])))
    shape = Shape({INPUT: Tensor(INPUT, "FP64", (FREE, width))}, lambda feed: feed[INPUT], columns)
    refused = (*REFUSED, lightgbm.basic.LightGBMError)
    return TabularModel(bundled, shape, {"predict": method}, platform="lightgbm", refused=refused)


def _has_objective(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        return any(line.startswith(OBJECTIVE) for line, _ in zip(file, range(HEAD_LINES), strict=False))
