"""CatBoost's own format, where CatBoost is installed: its wheel is too large for every run."""

import numpy as np
import pytest

from scoring.core.errors import ScoringError, StartFailure
from tests.scoring.loading import ask, load

catboost = pytest.importorskip("catboost", reason="needs CatBoost, which is not among the packages for tests")
ROWS = np.random.default_rng(0).normal(size=(60, 3))
QUIET = {"iterations": 5, "verbose": 0, "allow_writing_files": False}


@pytest.mark.parametrize("classes", [["no", "yes"], ["low", "mid", "top"]])
def test_classifier_gives_labels_and_probabilities(tmp_path, classes):
    labels = np.array(classes)[np.digitize(ROWS[:, 0], [-0.5, 0.5]) % len(classes)]
    fitted = catboost.CatBoostClassifier(**QUIET).fit(ROWS, labels)
    fitted.save_model(tmp_path / "m.cbm")
    found = ask(load(tmp_path, "m.cbm", "catboost", "catboost"), x=ROWS[:4])
    assert found["predict"].tolist() == np.ravel(fitted.predict(ROWS[:4])).tolist()
    assert np.allclose(found["predict_proba"], fitted.predict_proba(ROWS[:4]))


def test_regressor_gives_numbers(tmp_path):
    fitted = catboost.CatBoostRegressor(**QUIET).fit(ROWS, ROWS[:, 0])
    fitted.save_model(tmp_path / "m.cbm")
    found = ask(load(tmp_path, "m.cbm", "catboost", "catboost"), x=ROWS[:4])
    assert np.allclose(found["predict"], fitted.predict(ROWS[:4]))


def test_categories_are_inputs_of_texts(tmp_path):
    rows = [[1.0, "Rome"], [2.0, "Oslo"], [3.0, "Rome"], [4.0, "Oslo"]]
    pool = catboost.Pool(rows, [0, 1, 0, 1], cat_features=[1], feature_names=["age", "town"])
    fitted = catboost.CatBoostClassifier(**QUIET).fit(pool)
    fitted.save_model(tmp_path / "m.cbm")
    model = load(tmp_path, "m.cbm", "catboost", "catboost")
    assert {name: one.datatype for name, one in model.inputs.items()} == {"age": "FP64", "town": "BYTES"}
    found = ask(model, age=[1.0], town=["Rome"])
    assert np.allclose(found["predict_proba"], fitted.predict_proba([[1.0, "Rome"]]))


def test_rows_of_another_width_are_the_requests_fault(tmp_path):
    catboost.CatBoostRegressor(**QUIET).fit(ROWS, ROWS[:, 0]).save_model(tmp_path / "m.cbm")
    with pytest.raises(ScoringError) as refused:
        ask(load(tmp_path, "m.cbm", "catboost", "catboost"), x=ROWS[:, :1])
    assert refused.value.status == 400


def test_damaged_file_is_refused(tmp_path):
    (tmp_path / "m.cbm").write_bytes(b"CBM1 nothing")
    with pytest.raises(StartFailure, match="m:1 cannot be loaded by CatBoost"):
        load(tmp_path, "m.cbm", "catboost", "catboost")
