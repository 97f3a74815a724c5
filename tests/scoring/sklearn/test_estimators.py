"""Estimators of scikit-learn behind a real server: as their own library answers, in every form."""

import os

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from scoring.core.settings import LIGHT_BYTES
from tests.scoring.conftest import Replica

FLOWERS = load_iris()
NAMES = FLOWERS.target_names[FLOWERS.target]
FOREST = RandomForestClassifier(20, n_jobs=2, random_state=0).fit(FLOWERS.data, NAMES)
ROWS = FLOWERS.data[[0, 60, 120]].tolist()
LABELS = FOREST.predict(ROWS).tolist()
PROBABILITIES = FOREST.predict_proba(ROWS).tolist()


@pytest.fixture(scope="module")
def server(shared_replica):
    shared_replica.with_file(
        "model.joblib",
        lambda path: joblib.dump(FOREST, path, compress=3),
        framework="scikit-learn",
        format="pickle",
        framework_version="0.24.2",
    )
    return shared_replica.start(serve_on_request=False)


def test_rows_without_a_method_get_probabilities_as_on_azure(server):
    assert server.score({"data": ROWS}).json() == {"predict_proba": PROBABILITIES}


def test_method_says_what_is_answered(server):
    assert server.score({"data": ROWS, "method": "predict"}).json() == {"predict": LABELS}


def test_unknown_method_is_refused_with_those_there_are(server):
    refused = server.score({"data": ROWS, "method": "fit"})
    assert (refused.status_code, refused.json()["message"]) == (
        400,
        "the model has no method 'fit': it has predict, predict_proba",
    )


def test_outputs_are_chosen_by_name(server):
    asked = {"data": ROWS, "outputs": [{"name": "predict"}, {"name": "predict_proba"}]}
    assert server.score(asked).json() == {"data": {"predict": LABELS, "predict_proba": PROBABILITIES}}


def test_open_inference_protocol_gives_labels_and_probabilities(server):
    flat = [value for row in ROWS for value in row]
    body = {"inputs": [{"name": "x", "shape": [3, 4], "datatype": "FP64", "data": flat}]}
    assert server.score(body, "/v2/models/flowers/infer").json()["outputs"] == [
        {"name": "predict", "datatype": "BYTES", "shape": [3], "data": LABELS},
        {"name": "predict_proba", "datatype": "FP64", "shape": [3, 3], "data": np.ravel(PROBABILITIES).tolist()},
    ]


def test_metadata_tells_features_and_classes(server):
    assert server.client.get("/v2/models/flowers").json() == {
        "name": "flowers",
        "versions": ["1"],
        "platform": "sklearn",
        "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 4]}],
        "outputs": [
            {"name": "predict", "datatype": "BYTES", "shape": [-1]},
            {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 3]},
        ],
    }


def test_tables_of_mlflow_and_instances_are_answered_by_predict(server):
    tables = server.score({"dataframe_split": {"data": ROWS}}, "/invocations").json()
    instances = server.score({"instances": ROWS}, "/v1/models/flowers:predict").json()
    assert tables == instances == {"predictions": LABELS}


def test_version_that_wrote_the_file_is_named_in_the_log(server):
    assert "flowers:1 was written by scikit-learn 0.24.2; this is " in server.log()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([["a", 1, 2, 3]], "input 'x' (FP64): Expected `float | null`, got `str` - at `$[0][0]`"),
        ([[1, 2, 3]], "input 'x' has shape [1, 3], the model takes [any, 4]"),
        ([[[1, 2, 3, 4]]], "input 'x' has shape [1, 1, 4], the model takes [any, 4]"),
        ([], "input 'x' has shape [0], the model takes [any, 4]"),
    ],
)
def test_rows_that_are_none_are_refused_by_what_is_wrong(server, data, message):
    refused = server.score({"data": data})
    assert (refused.status_code, refused.json()["message"]) == (400, message)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    made = Replica(tmp_path_factory.mktemp("people") / "replica")
    frame = pd.DataFrame({"age": [20.0, 30, 40, 50], "town": ["Rome", "Oslo", "Rome", "Bern"]})
    columns = ColumnTransformer([("town", OneHotEncoder(), ["town"]), ("age", StandardScaler(), ["age"])])
    fitted = make_pipeline(columns, LogisticRegression()).fit(frame, [0, 1, 0, 1])
    made.with_file(
        "model.pkl", lambda path: joblib.dump(fitted, path), framework="scikit-learn", format="pickle"
    ).start(serve_on_request=False)
    yield made
    made.close()


@pytest.mark.parametrize(
    "data",
    [
        [[20, "Rome"], [50, "Bern"]],
        [{"town": "Rome", "age": 20}, {"age": 50, "town": "Bern"}],
        {"age": [20, 50], "town": ["Rome", "Bern"]},
    ],
)
def test_columns_of_texts_come_by_row_by_record_and_by_column(people, data):
    assert people.score({"data": data, "method": "predict"}).json() == {"predict": [0, 1]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([[20, 3]], "column 'town': input 'town' (BYTES): Expected `str`, got `int` - at `$[0]`"),
        ([{"age": 20}], "columns are missing: town; given: age"),
        ([[20, None]], "column 'town', row 0: a value is missing, which BYTES cannot say"),
        ([[20, "Paris"]], "the model refuses these inputs: Found unknown categories ['Paris'] in column 0"),
    ],
)
def test_columns_that_do_not_fit_are_refused_by_name(people, data, message):
    refused = people.score({"data": data})
    assert (refused.status_code, refused.json()["message"].startswith(message)) == (400, True), refused.text


def test_large_slow_estimator_is_served_by_processes(replica):
    cores = min(2, len(os.sched_getaffinity(0)))
    rows = np.random.default_rng(0).normal(size=(20_000, 60))
    slow = KNeighborsClassifier(algorithm="brute").fit(rows, rows[:, 0] > 0)
    del replica.settings["processes"]
    replica.with_file(
        "model.pkl", lambda path: joblib.dump(slow, path), framework="scikit-learn", format="pickle"
    ).start(cpus=cores, batching={"rows": 1})
    assert (replica.bundle / "models/flowers/1/model.pkl").stat().st_size > LIGHT_BYTES
    assert len(replica.workers()) == cores
