"""The entry script that the composer begins with, for what an inspection has found."""

import ast
import json

import joblib
import numpy as np
import pytest

from deployments.config.entry_script import check_script
from deployments.config.first_script import first_script

PICKLE = {"format": "pickle", "main_file": "model.pkl"}


@pytest.mark.parametrize(
    ("framework", "version", "facts", "requirements"),
    [
        ("scikit-learn", "1.7.2", {"globals": ["sklearn.svm._classes.SVC"]}, ("scikit-learn==1.7.2",)),
        ("scikit-learn", "1.2.1", {"globals": ["sklearn.svm._classes.SVC"]}, ("scikit-learn==1.2.1", "numpy<2")),
        ("scikit-learn", "1.4.2", {"globals": []}, ("scikit-learn==1.4.2",)),
        ("scikit-learn", "", {"globals": []}, ("scikit-learn",)),
        (
            "scikit-learn",
            "1.7.2",
            {"globals": ["sklearn.pipeline.Pipeline", "xgboost.sklearn.XGBClassifier", "numpy._core.multiarray.x"]},
            ("scikit-learn==1.7.2", "xgboost", "numpy>=2"),
        ),
        ("xgboost", "", {"globals": ["xgboost.sklearn.XGBClassifier"]}, ("joblib", "xgboost")),
        ("custom", "", {"globals": ["collections.OrderedDict", "evil_package.Thing"]}, ("joblib",)),
    ],
)
def test_requirements_are_the_packages_and_versions_named_in_the_pickle(framework, version, facts, requirements):
    assert first_script("grapes:1", framework, version, PICKLE | facts).requirements == requirements


def test_unknown_modules_are_named_in_the_script_and_not_required():
    start = first_script("grapes:1", "custom", "", PICKLE | {"globals": ["evil_package.Thing"]})
    assert "The file names evil_package" in start.text


def test_skops_file_requires_both_recorded_versions():
    facts = {"format": "skops", "main_file": "m.skops", "globals": ["sklearn.svm.SVC"], "skops_version": "0.13.0"}
    start = first_script("grapes:1", "scikit-learn", "1.7.2", facts)
    assert start.requirements == ("scikit-learn==1.7.2", "skops==0.13.0")
    assert "skops.io.load(path)" in start.text


def test_column_transformer_gets_a_data_frame():
    facts = PICKLE | {"globals": ["sklearn.compose._column_transformer.ColumnTransformer"]}
    start = first_script("grapes:1", "scikit-learn", "1.7.2", facts)
    assert start.requirements == ("scikit-learn==1.7.2", "pandas")
    assert 'pd.DataFrame(json.loads(data)["data"]' in start.text


@pytest.mark.parametrize(
    ("framework", "facts"),
    [
        ("scikit-learn", PICKLE),
        ("scikit-learn", {"format": "skops"}),
        ("xgboost", {"format": "xgboost-ubj", "main_file": "a\"'b.ubj"}),
        ("lightgbm", {"format": "lightgbm"}),
        ("catboost", {"format": "catboost"}),
        ("keras", {"format": "keras"}),
        ("pytorch", {"format": "torch", "torchscript": True}),
        ("pytorch", {"format": "torch", "torchscript": False}),
        ("custom", {}),
    ],
)
def test_first_script_of_every_format_passes_the_check(framework, facts):
    start = first_script('x"""y:1'.replace('"', ""), framework, "", facts)
    ast.parse(start.text)
    assert [finding.level for finding in check_script(start.text, "score.py")] == ["ok", "ok"]


class Doubler:
    """Stands in for an estimator of scikit-learn."""

    def predict(self, rows):
        return rows.sum(axis=1) * 2


class Judge(Doubler):
    def predict_proba(self, rows):
        return np.full((len(rows), 2), 0.5)


@pytest.mark.parametrize(
    ("model", "answer"),
    [
        (Doubler(), {"predictions": [6.0, 14.0]}),
        (Judge(), {"predictions": [6.0, 14.0], "probabilities": [[0.5, 0.5], [0.5, 0.5]]}),
    ],
)
def test_first_script_of_an_estimator_predicts(tmp_path, monkeypatch, model, answer):
    joblib.dump(model, tmp_path / "model.pkl")
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path))
    start = first_script("grapes:1", "scikit-learn", "1.7.2", PICKLE)
    script: dict = {"__name__": "score"}
    exec(start.text, script)
    script["init"]()
    assert script["run"](json.dumps({"data": [[1, 2], [3, 4]]})) == answer
