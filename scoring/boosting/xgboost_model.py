"""XGBoost's own formats, UBJSON and JSON: a Booster, or the classifier or regressor that it says it was.

What `XGBClassifier.save_model` writes names the estimator (attribute `scikit_learn`); such a file gives labels and
probabilities as the estimator would. Any other gives what `Booster.predict` gives.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from scoring.contract import BundledModel, RunSettings
from scoring.core.bundle import model_file
from scoring.core.tensors import FREE, Array, Tensor
from scoring.tabular.model import REFUSED, Method, Shape, TabularModel, invalid

INPUT = "x"
CATEGORIES_HINT = "Deploy it with an entry script that makes a data frame with the categories of the training data."


def load_model(bundled: BundledModel, folder: Path, run: RunSettings) -> TabularModel:
    """Load a booster from a bundle; StartFailure(model_invalid) when it cannot be."""
    booster, path = xgboost.Booster(), model_file(folder, bundled)
    try:
        booster.load_model(path)
        booster.set_param({"nthread": 1})  # a process for each core serves already
    except (xgboost.core.XGBoostError, ValueError, TypeError) as error:
        why = f"cannot be loaded by XGBoost {xgboost.__version__}: {_first_line(error)}"
        raise invalid(bundled, why, evidence=str(error)) from error
    if "c" in (booster.feature_types or []):
        raise invalid(bundled, "has features of categories, which rows of numbers cannot tell.", hint=CATEGORIES_HINT)
    width = booster.num_features()
    shape = Shape({INPUT: Tensor(INPUT, "FP32", (FREE, width))}, lambda feed: feed[INPUT], _columns(booster, width))
    methods = _methods(booster)
    return TabularModel(bundled, shape, methods, platform="xgboost", refused=(*REFUSED, xgboost.core.XGBoostError))


def _columns(booster: Any, width: int) -> list[str]:
    names = list(booster.feature_names or [])
    return names if len(names) == width else []


def _methods(booster: Any) -> dict[str, Method]:
    config = json.loads(booster.save_config())
    objective = config["learner"]["objective"]["name"]
    margin = _run(booster, _best_rounds(booster))
    if _estimator_of(booster) != "classifier" or not objective.startswith(("binary:logistic", "multi:soft")):
        plain = _run(booster, (0, 0))
        seen = plain(np.zeros((2, booster.num_features()), np.float32))
        return {"predict": Method(plain, Tensor("predict", "FP32", (FREE, *seen.shape[1:])))}
    classes = max(2, int(config["learner"]["learner_model_param"]["num_class"]))

    def probabilities(rows: Array) -> Any:
        found = margin(rows)
        return found if found.ndim == 2 else np.stack([1 - found, found], axis=1)

    def labels(rows: Array) -> Any:
        found = margin(rows)
        return found if objective == "multi:softmax" else np.argmax(probabilities(rows), axis=1)

    known = {"predict": Method(labels, Tensor("predict", "INT64", (FREE,)))}
    if objective == "multi:softmax":
        return known
    return known | {"predict_proba": Method(probabilities, Tensor("predict_proba", "FP32", (FREE, classes)))}


def _run(booster: Any, rounds: tuple[int, int]) -> Any:
    return lambda rows: booster.inplace_predict(rows, iteration_range=rounds, validate_features=False)


def _best_rounds(booster: Any) -> tuple[int, int]:
    """Those that early stopping has kept, as the estimator takes them; Booster.predict takes all."""
    best = booster.attr("best_iteration")
    return (0, int(best) + 1) if best is not None else (0, 0)


def _estimator_of(booster: Any) -> str:
    try:
        return str(json.loads(booster.attr("scikit_learn") or "{}").get("_estimator_type", ""))
    except (ValueError, AttributeError):
        return ""


def _first_line(error: Exception) -> str:
    """XGBoost's messages begin with a time and a place in its source, and end with a trace."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    found = lines[0].rpartition("] ")[2] if lines else type(error).__name__
    return "a part of the file, such as its objective, is missing" if found == "map::at" else found
