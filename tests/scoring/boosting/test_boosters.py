"""Boosted trees in their own formats, as their own libraries answer."""

import json

import lightgbm
import numpy as np
import pytest
import xgboost

from scoring.contract import BundledModel, RunSettings
from scoring.core.errors import ScoringError, StartFailure
from scoring.engine.loaders import find_loader

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(200, 3))
TWO, THREE = (ROWS[:, 0] > 0).astype(int), np.digitize(ROWS[:, 0], [-0.5, 0.5])
FEW = ROWS[:5]
RUN = RunSettings(service="s", workspace="w", revision=1, recipe="r", bundle="/")


@pytest.fixture
def load(tmp_path):
    def loaded(write, name, form, framework):
        write(str(tmp_path / name))
        bundled = BundledModel(name="trees", version=1, path="", framework=framework, file=name, format=form)
        return find_loader(bundled)(bundled, tmp_path, RUN)

    return loaded


def ask(model, rows=FEW):
    (name,) = model.inputs
    found = model.compute(model.output_names, {name: np.asarray(rows, model.inputs[name].dtype)})
    return dict(zip(model.output_names, found, strict=True))


@pytest.mark.parametrize(("name", "form"), [("model.ubj", "xgboost-ubj"), ("model.json", "xgboost")])
@pytest.mark.parametrize("labels", [TWO, THREE])
def test_classifier_of_xgboost_gives_labels_and_probabilities_of_its_best_rounds(load, name, form, labels):
    classifier = xgboost.XGBClassifier(n_estimators=9, early_stopping_rounds=2)
    classifier.fit(ROWS, labels, eval_set=[(-ROWS, labels)], verbose=False)
    model = load(classifier.save_model, name, form, "xgboost")
    found = ask(model)
    assert found["predict"].tolist() == classifier.predict(FEW).tolist()
    assert found["predict_proba"].tolist() == classifier.predict_proba(FEW).tolist()


def test_booster_of_xgboost_gives_what_its_predict_gives(load):
    matrix = xgboost.DMatrix(ROWS, TWO, feature_names=["a", "b", "c"])
    booster = xgboost.train({"objective": "binary:logistic"}, matrix, 5)
    model = load(booster.save_model, "model.json", "xgboost", "xgboost")
    wanted = booster.predict(xgboost.DMatrix(FEW, feature_names=["a", "b", "c"]))
    assert ({key: value.tolist() for key, value in ask(model).items()}, model.columns) == (
        {"predict": wanted.tolist()},
        ["a", "b", "c"],
    )


def test_booster_of_xgboost_without_its_objective_is_refused(load):
    def write(path):
        xgboost.XGBRegressor(n_estimators=2).fit(ROWS, TWO).save_model(path)
        with open(path) as file:
            content = json.load(file)
        del content["learner"]["objective"]
        with open(path, "w") as file:
            json.dump(content, file)

    with pytest.raises(StartFailure, match=r"trees:1 cannot be loaded by XGBoost .*objective"):
        load(write, "model.json", "xgboost", "xgboost")


def test_categories_of_xgboost_are_refused_when_it_is_loaded(load):
    matrix = xgboost.DMatrix(TWO.reshape(-1, 1), TWO, feature_types=["c"], enable_categorical=True)
    booster = xgboost.train({"tree_method": "hist"}, matrix, 2)
    with pytest.raises(StartFailure, match="features of categories"):
        load(booster.save_model, "model.ubj", "xgboost-ubj", "xgboost")


@pytest.mark.parametrize("labels", [TWO, THREE])
def test_booster_of_lightgbm_gives_what_its_predict_gives(load, labels):
    booster = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(ROWS, labels).booster_
    model = load(booster.save_model, "model.txt", "lightgbm", "lightgbm")
    assert ask(model)["predict"].tolist() == booster.predict(FEW).tolist()


def test_missing_values_go_the_way_that_the_trees_have_learned(load):
    booster = lightgbm.train({"verbose": -1}, lightgbm.Dataset(np.where(ROWS > 1, np.nan, ROWS), TWO), 5)
    model = load(booster.save_model, "model.txt", "lightgbm", "lightgbm")
    rows = np.full((1, 3), np.nan)
    assert ask(model, rows)["predict"].tolist() == booster.predict(rows).tolist()


def test_booster_of_lightgbm_without_its_objective_warns_of_raw_scores(load, capfd):
    def write(path):
        params = {"verbose": -1, "objective": lambda scores, data: (scores - data.get_label(), np.ones_like(scores))}
        lightgbm.train(params, lightgbm.Dataset(ROWS, TWO), 2).save_model(path)

    load(write, "model.txt", "lightgbm", "lightgbm")
    assert "trees:1 was trained with an objective of its own: its answers are raw scores" in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("content", "form", "framework"),
    [(b'{"learner": {}}', "xgboost", "xgboost"), (b"tree\nversion=v4\n", "lightgbm", "lightgbm")],
)
def test_damaged_file_is_refused_with_the_librarys_reason(load, content, form, framework):
    def write(path):
        with open(path, "wb") as file:
            file.write(content)

    with pytest.raises(StartFailure, match="trees:1 cannot be loaded by"):
        load(write, "model.json", form, framework)


def test_rows_of_another_width_are_the_requests_fault(load):
    booster = lightgbm.LGBMRegressor(n_estimators=2, verbose=-1).fit(ROWS, TWO).booster_
    model = load(booster.save_model, "model.txt", "lightgbm", "lightgbm")
    with pytest.raises(ScoringError) as refused:
        ask(model, ROWS[:2, :2])
    assert refused.value.status == 400
