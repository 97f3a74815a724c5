"""Files of estimators: what is loaded, what is refused, and how what they take is known."""

import os
import pickle
import zlib
from collections import Counter

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.cluster import DBSCAN
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import IsolationForest, RandomForestClassifier, RandomForestRegressor, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from scoring.contract import BundledModel, RunSettings
from scoring.core.errors import ScoringError, StartFailure
from scoring.sklearn.model import load_model
from scoring.sklearn.nested import estimators_in
from scoring.sklearn.shortcuts import shortcut_for

ROWS = np.random.default_rng(0).normal(size=(120, 3))
LABELS = (ROWS[:, 0] > 0).astype(int)
PEOPLE = pd.DataFrame({"age": [20.0, 30, 40, 50], "town": ["Rome", "Oslo", "Rome", "Bern"]})
RUN = RunSettings(service="s", workspace="w", revision=1, recipe="r", bundle="/")


@pytest.fixture
def load(tmp_path):
    def loaded(saved, form="pickle", **facts):
        path = tmp_path / "model.pkl"
        if isinstance(saved, bytes):
            path.write_bytes(saved)
        elif form == "skops":
            skops.io.dump(saved, path)
        else:
            joblib.dump(saved, path)
        known = {"framework": "scikit-learn", "file": "model.pkl", "format": form} | facts
        return load_model(BundledModel(name="m", version=1, path="", **known), tmp_path, RUN)

    return loaded


def ask(model, **feed):
    inputs = {name: np.asarray(value, model.inputs[name].dtype) for name, value in feed.items()}
    return dict(zip(model.output_names, model.compute(model.output_names, inputs), strict=True))


@pytest.mark.parametrize("form", ["pickle", "skops"])
def test_every_format_of_a_file_gives_the_estimators_own_answers(load, form):
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, LABELS)
    found = ask(load(fitted, form), x=ROWS)
    assert found["predict"].tolist() == fitted.predict(ROWS).tolist()
    assert found["predict_proba"].tolist() == fitted.predict_proba(ROWS).tolist()


@pytest.mark.parametrize("text", [["a", "b"], [True, False], [1.5, 2.5]])
def test_classes_keep_their_type(load, text):
    fitted = LogisticRegression().fit(ROWS, np.array(text)[LABELS]) if text != [1.5, 2.5] else None
    if fitted is None:
        fitted = RandomForestRegressor(3, random_state=0).fit(ROWS, np.array(text)[LABELS])
    assert ask(load(fitted), x=ROWS[:4])["predict"].tolist() == fitted.predict(ROWS[:4]).tolist()


def test_texts_are_read_by_a_pipeline_that_counts_words(load):
    fitted = make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(["good fine", "bad poor"], ["up", "down"])
    model = load(fitted)
    assert list(model.inputs) == ["text"]
    assert ask(model, text=["fine"])["predict"].tolist() == ["up"]


def test_columns_of_numbers_and_texts_are_inputs_by_name(load):
    columns = ColumnTransformer(
        [
            ("town", make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), ["town"]),
            ("age", StandardScaler(), ["age"]),
        ]
    )
    fitted = make_pipeline(columns, LogisticRegression()).fit(PEOPLE, [0, 1, 0, 1])
    model = load(fitted)
    assert {name: one.datatype for name, one in model.inputs.items()} == {"age": "FP64", "town": "BYTES"}
    found = ask(model, age=[30], town=["Oslo"])
    assert found["predict_proba"].tolist() == fitted.predict_proba(PEOPLE[1:2]).tolist()
    with pytest.raises(ScoringError, match=r"the model refuses these inputs: Found unknown categories \['Paris'\]"):
        ask(model, age=[30], town=["Paris"])


def test_estimator_fitted_on_names_takes_arrays_without_a_word(load, recwarn):
    model = load(LogisticRegression().fit(PEOPLE[["age"]].assign(size=1.0), [0, 1, 0, 1]))
    recwarn.clear()
    assert (model.columns, ask(model, x=[[20, 1]])["predict"].tolist()) == (["age", "size"], [0])
    assert not recwarn.list


def test_missing_value_is_refused_in_the_estimators_own_words(load):
    with pytest.raises(ScoringError, match="the model refuses these inputs: Input X contains NaN") as refused:
        ask(load(LogisticRegression().fit(ROWS, LABELS)), x=[[np.nan, 0, 0]])
    assert refused.value.status == 400


def test_estimator_without_probabilities_offers_its_decision(load):
    fitted = SVC().fit(ROWS, LABELS)
    found = ask(load(fitted), x=ROWS[:3])
    assert found["decision_function"].tolist() == fitted.decision_function(ROWS[:3]).tolist()


def test_several_targets_have_no_single_probabilities(load):
    fitted = MultiOutputClassifier(LogisticRegression()).fit(ROWS, np.stack([LABELS, 1 - LABELS], 1))
    found = ask(load(fitted), x=ROWS[:3])
    assert {name: array.tolist() for name, array in found.items()} == {"predict": fitted.predict(ROWS[:3]).tolist()}


def test_model_fitted_on_a_sparse_matrix_takes_rows(load):
    from scipy.sparse import csr_matrix

    fitted = SGDClassifier(random_state=0).fit(csr_matrix(ROWS), LABELS)
    assert ask(load(fitted), x=ROWS[:3])["predict"].tolist() == fitted.predict(ROWS[:3]).tolist()


def test_every_estimator_within_runs_on_one_core(load):
    forest = RandomForestClassifier(3, n_jobs=-1, random_state=0)
    outer = VotingClassifier([("a", forest), ("b", LogisticRegression())], n_jobs=2, voting="soft")
    outer.fit(ROWS, LABELS)
    load(outer)
    found = [one.n_jobs for one in estimators_in(outer) if hasattr(one, "n_jobs")]
    assert found  # the fitted one keeps its own: what is loaded is another
    from scoring.sklearn.nested import run_on_one_core

    run_on_one_core(outer)
    assert {one.n_jobs for one in estimators_in(outer) if hasattr(one, "n_jobs")} == {1}


@pytest.mark.parametrize("kind", [RandomForestClassifier, RandomForestRegressor])
def test_shortcut_of_a_forest_gives_the_same_bits(load, kind):
    fitted = kind(25, random_state=0, max_depth=6).fit(ROWS, LABELS)
    model = load(fitted)
    wanted = {name: getattr(fitted, name)(ROWS).tolist() for name in model.output_names}
    assert {name: array.tolist() for name, array in ask(model, x=ROWS).items()} == wanted
    assert model._shortcut is not None


def test_shortcut_leaves_missing_values_to_the_forest(load):
    gaps = np.where(ROWS > 1.5, np.nan, ROWS)
    fitted = RandomForestClassifier(5, random_state=0).fit(gaps, LABELS)
    assert ask(load(fitted), x=gaps)["predict_proba"].tolist() == fitted.predict_proba(gaps).tolist()


def test_forest_of_a_class_of_its_own_has_no_shortcut():
    class Other(RandomForestClassifier):
        pass

    fitted = Other(3).fit(ROWS, LABELS)
    assert shortcut_for(fitted, ("predict",), None) is None


class Runs:
    def __reduce__(self):
        return os.system, ("touch /tmp/never",)


@pytest.mark.parametrize(
    ("saved", "reason", "message"),
    [
        (pickle.dumps(Runs()), "model_invalid", r"imports posix\.system, which is loaded in an entry script only"),
        (b"cmodule_of_nobody\nThing\n.", "model_invalid", r"imports module_of_nobody\.Thing"),
        (b"csklearn.module_that_went\nThing\n.", "import_missing", r"needs the module sklearn\.module_that_went"),
        (b"csklearn.svm\nGone\n.", "model_invalid", "cannot be loaded here: it was written by scikit-learn"),
        (pickle.dumps({"model": 1}), "model_invalid", r"m:1 holds a dict, which has no predict"),
        (pickle.dumps(Counter()), "model_invalid", r"holds a collections\.Counter, which has no predict"),
        (pickle.dumps(DBSCAN().fit(ROWS)), "model_invalid", "which has no predict"),
        (pickle.dumps(LogisticRegression()), "model_invalid", "m:1 has not been fitted"),
        (pickle.dumps(LogisticRegression().fit(ROWS, LABELS))[:-40], "model_invalid", "m:1 is damaged"),
        (zlib.compress(pickle.dumps(1))[:-3], "model_invalid", "m:1 "),
    ],
)
def test_file_that_cannot_be_served_is_refused_by_name(load, saved, reason, message):
    with pytest.raises(StartFailure, match=message) as refused:
        load(saved, framework_version="0.24.2")
    assert refused.value.failure.reason == reason


def test_file_that_wants_all_memory_fails_as_memory(load):
    with pytest.raises(MemoryError):
        load(b"\x80\x04cbuiltins\nbytearray\n\x8a\x07\x00\x00\x00\x00\x00\x00\x10\x85R.")


def test_class_of_a_skops_file_that_is_not_allowed_is_refused(load):
    with pytest.raises(StartFailure, match=r"imports .*Own, which is loaded in an entry script only"):
        load(Own(), "skops")


class Own(LogisticRegression):
    """Of a module that is none of the libraries."""


def test_outlier_detector_is_asked_for_its_labels_and_scores(load):
    fitted = IsolationForest(n_estimators=5, random_state=0).fit(ROWS)
    found = ask(load(fitted), x=ROWS[:3])
    assert found["predict"].tolist() == fitted.predict(ROWS[:3]).tolist()
    assert set(found) == {"predict", "decision_function"}


def test_transformer_alone_gives_what_it_makes(load):
    fitted = StandardScaler().fit(ROWS)
    assert ask(load(fitted), x=ROWS[:3])["transform"].tolist() == fitted.transform(ROWS[:3]).tolist()
