"""Estimators of scikit-learn: what is refused by name, what is converted, and that wrong answers are noticed."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import LinearSVC

from registry.conversion.inside.original import Refused
from registry.conversion.inside.rows import HUGE, MISSING, NEW
from registry.conversion.inside.sklearn_models import SklearnModel
from registry.conversion.inside.study import Study

ROWS, LABELS = load_iris(return_X_y=True)
TWO = LABELS > 0
HOLES = ROWS.copy()
HOLES[::7, 0] = np.nan
HOLES[1::5, 2] = np.nan


def fitted(estimator, rows=ROWS, labels=LABELS):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(rows, labels)


@pytest.fixture
def studied(tmp_path):
    """`studied(estimator)` is what the program tells: facts of the plain ONNX file, and of the original."""

    def run(estimator, own=None):
        told = []
        Study(SklearnModel(estimator), own, None, tmp_path, told.append, {}).run(["onnx"])
        return next(one["variant"] for one in told if "variant" in one), next(
            one["original"] for one in told if "original" in one
        )

    return run


@pytest.mark.parametrize(
    ("estimator", "named"),
    [
        (HistGradientBoostingClassifier(categorical_features=[0], max_iter=3), "HistGradientBoostingClassifier"),
        (KNeighborsClassifier(weights="distance"), "KNeighborsClassifier"),
        (make_pipeline(OrdinalEncoder(), LogisticRegression()), "OrdinalEncoder"),
        (make_pipeline(OneHotEncoder(handle_unknown="infrequent_if_exist"), LogisticRegression()), "OneHotEncoder"),
        (make_pipeline(OneHotEncoder(min_frequency=5), LogisticRegression()), "OneHotEncoder"),
        (make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()), "FunctionTransformer"),
        (CalibratedClassifierCV(LogisticRegression(), method="temperature"), "CalibratedClassifierCV"),
    ],
)
def test_what_comes_out_wrong_is_refused_by_name(estimator, named):
    rows = np.abs(np.round(ROWS)) if "Hist" in named else ROWS
    with pytest.raises(Refused, match=f"{named} is not converted"):
        SklearnModel(fitted(estimator, rows))


def test_tuned_thresholds_are_refused():
    with pytest.raises(Refused, match="threshold would be lost"):
        SklearnModel(fitted(TunedThresholdClassifierCV(LogisticRegression()), labels=TWO))


def test_forest_that_learnt_missing_values_is_refused():
    with pytest.raises(Refused, match="fitted on missing values"):
        SklearnModel(fitted(RandomForestClassifier(20, random_state=0), HOLES))


def test_models_without_a_fit_or_without_answers_are_refused():
    with pytest.raises(Refused, match="not fitted"):
        SklearnModel(LogisticRegression())


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(10, random_state=0),
        GradientBoostingClassifier(n_estimators=10, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(SimpleImputer(), GaussianNB()),
        LinearSVC(),
        Ridge(),
        IsolationForest(n_estimators=10, random_state=0),
        KMeans(3, n_init=1, random_state=0),
        StandardScaler(),
    ],
    ids=lambda one: type(one).__name__,
)
def test_answers_are_the_same_for_every_kind_of_row(studied, estimator):
    variant, original = studied(fitted(estimator))
    assert not variant.get("failure"), variant
    assert original["rows"] == 400
    for group in variant["groups"]:
        assert group["changed"] <= group["rows"] // 1000, group
        assert group["largest"] < 1e-4, group


def test_forest_warns_that_missing_values_are_answered_otherwise(studied):
    variant, original = studied(fitted(RandomForestClassifier(20, random_state=0)))
    assert MISSING in original["kinds"]
    assert all(group["kind"] != MISSING for group in variant["groups"])
    assert "missing values" in variant["warnings"][0]


def test_large_numbers_lose_digits_and_a_warning_says_so(studied):
    model = fitted(make_pipeline(StandardScaler(), Ridge()), ROWS + 1.6e7, LABELS)
    _, original = studied(model)
    assert HUGE in original["kinds"]


def test_frames_with_texts_are_asked_by_column(studied):
    frame = pd.DataFrame({"size": ROWS[:, 0], "colour": np.where(ROWS[:, 1] > 3, "red", "blue")})
    columns = ColumnTransformer(
        [("number", StandardScaler(), ["size"]), ("text", OneHotEncoder(handle_unknown="ignore"), ["colour"])]
    )
    model = SklearnModel(fitted(make_pipeline(columns, LogisticRegression()), frame))
    assert [(one.name, one.choices) for one in model.schema.features] == [("size", None), ("colour", ["blue", "red"])]
    variant, original = studied(fitted(make_pipeline(columns, LogisticRegression()), frame))
    assert NEW in original["kinds"]
    assert not variant.get("failure"), variant
    assert max(group["largest"] for group in variant["groups"]) < 1e-5


def test_made_up_rows_lie_where_the_training_was():
    model = SklearnModel(fitted(RandomForestClassifier(20, random_state=0)))
    drawn = model.draw()["X"]
    assert (drawn.min(axis=0) > ROWS.min(axis=0) - 2).all()
    assert (drawn.max(axis=0) < ROWS.max(axis=0) + 2).all()
    assert len(set(model.ask({"X": drawn})["label"].tolist())) == 3
