"""Estimators of scikit-learn's interface, which XGBoost, LightGBM and CatBoost have too."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.exceptions import NotFittedError

from scoring.contract import BundledModel, RunSettings
from scoring.core.bundle import model_file
from scoring.core.log import log
from scoring.core.tensors import FREE, Tensor
from scoring.sklearn.inputs import likely_rows, shape_of
from scoring.sklearn.loading import load_estimator
from scoring.sklearn.nested import run_on_one_core
from scoring.sklearn.shortcuts import shortcut_for
from scoring.tabular.model import Method, Shape, TabularModel, datatype_of, invalid

METHODS = ("predict", "predict_proba", "decision_function", "transform")
NO_METHOD_HINT = "Register the estimator itself, or deploy the file with an entry script."
TRIAL_ROWS = 2


def load_model(bundled: BundledModel, folder: Path, run: RunSettings) -> TabularModel:
    """Load an estimator from a bundle; StartFailure(model_invalid) when there is none that can be asked."""
    estimator = load_estimator(bundled, model_file(folder, bundled))
    _check(bundled, estimator)
    # Arrays are passed to estimators that were fitted on frames, in the frame's order: said once, not per request.
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    _name_versions(bundled)
    run_on_one_core(estimator)
    shape = shape_of(estimator, bundled)
    methods = methods_of(estimator, shape, bundled)
    return TabularModel(
        bundled, shape, methods, platform="sklearn", shortcut=shortcut_for(estimator, tuple(methods), shape)
    )


def _check(bundled: BundledModel, loaded: Any) -> None:
    asked = [name for name in ("predict", "transform") if callable(getattr(loaded, name, None))]
    if not asked:
        what = f"holds a {type(loaded).__module__}.{type(loaded).__name__}".replace(" a builtins.", " a ")
        raise invalid(bundled, f"{what}, which has no predict.", hint=NO_METHOD_HINT)


def _name_versions(bundled: BundledModel) -> None:
    written, here = bundled.framework_version, sklearn.__version__
    if bundled.framework == "scikit-learn" and written and written != here:
        log(f"{bundled.name}:{bundled.version} was written by scikit-learn {written}; this is {here}", "W")


def methods_of(estimator: Any, shape: Shape, bundled: BundledModel) -> dict[str, Method]:
    """What the estimator can be asked, tried on two likely rows; StartFailure where it was never fitted.

    `decision_function` and `transform` are offered only where there are no probabilities, and no predictions.
    """
    rows = shape.rows_of(likely_rows(shape, estimator, TRIAL_ROWS))
    methods: dict[str, Method] = {}
    for name in METHODS:
        call = getattr(estimator, name, None)
        if not callable(call) or _is_needless(name, methods):
            continue
        try:
            result = call(rows)
        except NotFittedError as error:
            raise invalid(bundled, f"has not been fitted: {error}", hint="Fit it before it is saved.") from error
        except Exception:  # zeros are no input for it: what fitting has left must do
            methods[name] = Method(call, _declared(name, estimator))
        else:
            if not isinstance(result, (list, tuple)):  # probabilities of several targets are no array
                methods[name] = Method(call, _seen(name, result))
    return methods


def _is_needless(name: str, found: dict[str, Method]) -> bool:
    return (name == "decision_function" and "predict_proba" in found) or (name == "transform" and bool(found))


def _seen(name: str, result: Any) -> Tensor:
    """An output as a run has shown it; what a row gives may be text whose array is one of objects."""
    array = result if hasattr(result, "toarray") else np.asarray(result)
    kind = array.dtype
    if kind.kind == "O" and not any(isinstance(one, str) for one in np.asarray(array).ravel().tolist()):
        kind = np.dtype(np.float64)
    return Tensor(name, datatype_of(kind), (FREE, *array.shape[1:]))


def _declared(name: str, estimator: Any) -> Tensor:
    classes = getattr(estimator, "classes_", None)
    if name == "predict_proba" and classes is not None:
        return Tensor(name, "FP64", (FREE, len(classes)))
    if name == "predict" and classes is not None and hasattr(classes, "dtype"):
        return Tensor(name, datatype_of(classes.dtype), (FREE,))
    return Tensor(name, "FP64", (FREE,) if name == "predict" else (FREE, FREE))
