"""Trains boosted trees, and checks which are refused; run in the environment that `boosters` makes, without the studio.

`booster_models.py FOLDER`: writes model files, and `refused.json`, the sentence for each setting that must be refused.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

import catboost
import lightgbm
import numpy as np
import xgboost
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingClassifier

from registry.conversion.inside.boosters import LightgbmModel, XgboostModel
from registry.conversion.inside.original import Refused

ROWS, LABELS = load_iris(return_X_y=True)
TWO = (LABELS > 0).astype(int)
NUMBERS, TARGET = load_diabetes(return_X_y=True)
HOLES = ROWS.copy()
HOLES[::7, 0] = np.nan
QUIET = {"verbose": -1, "num_threads": 1}


def main(folder: Path) -> None:
    import joblib

    xgboost.train({"objective": "multi:softprob", "num_class": 3}, _matrix(HOLES, LABELS, list("abcd")), 8).save_model(
        folder / "xgboost.json"
    )
    xgboost.train({"objective": "reg:squarederror"}, _matrix(NUMBERS, TARGET), 8).save_model(folder / "xgboost.ubj")
    lightgbm.train(QUIET | {"objective": "binary"}, lightgbm.Dataset(HOLES, TWO), 8).save_model(folder / "lightgbm.txt")
    catboost.CatBoostClassifier(iterations=8, verbose=0, thread_count=1, train_dir=str(folder / "log")).fit(
        ROWS, LABELS
    ).save_model(str(folder / "catboost.cbm"))
    joblib.dump(HistGradientBoostingClassifier(max_iter=8).fit(HOLES, LABELS), folder / "hist.joblib")
    joblib.dump(lightgbm.LGBMRegressor(n_estimators=8, **QUIET).fit(NUMBERS, TARGET), folder / "wrapped.joblib")
    (folder / "refused.json").write_text(json.dumps(refused()))


def _matrix(rows: np.ndarray, labels: np.ndarray, names: list[str] | None = None) -> xgboost.DMatrix:
    return xgboost.DMatrix(rows, labels, feature_names=names)


def refused() -> dict[str, str]:
    found = {}
    for name, settings in {
        "xgboost logistic": {"objective": "reg:logistic"},
        "xgboost ranking": {"objective": "rank:pairwise"},
        "xgboost dart": {"booster": "dart"},
        "xgboost gblinear": {"booster": "gblinear"},
        "xgboost parallel": {"num_parallel_tree": 3},
    }.items():
        found[name] = _sentence(lambda given=settings: XgboostModel(xgboost.train(given, _matrix(ROWS, TWO), 3)))
    for name, settings in {
        "lightgbm sigmoid": {"objective": "binary", "sigmoid": 2.0},
        "lightgbm ova": {"objective": "multiclassova", "num_class": 3},
        "lightgbm linear": {"objective": "regression", "linear_tree": True},
        "lightgbm sqrt": {"objective": "regression", "reg_sqrt": True},
        "lightgbm zero": {"objective": "binary", "zero_as_missing": True},
        "lightgbm mape": {"objective": "mape"},
        "lightgbm no objective": {"objective": _own_objective},
    }.items():
        labels = LABELS if "num_class" in settings else TWO
        found[name] = _sentence(
            lambda given=settings, labels=labels: LightgbmModel(
                lightgbm.train(QUIET | given, lightgbm.Dataset(ROWS, labels), 3)
            )
        )
    return found


def _own_objective(answers, data):
    return answers - data.get_label(), np.ones_like(answers)


def _sentence(open_model) -> str:
    try:
        open_model()
    except Refused as reason:
        return reason.message
    return ""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
