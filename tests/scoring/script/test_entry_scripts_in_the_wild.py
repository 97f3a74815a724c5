"""Entry scripts as people write them run unmodified: every kind has a file in scripts/, and is called over HTTP."""

import json
import pickle
from io import BytesIO
from pathlib import Path

import joblib
import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LinearRegression

from tests.scoring.conftest import Replica, double_model

SCRIPTS = Path(__file__).parents[1] / "scripts"


def linear(path):
    """price = 2 rooms + 3 area + 1."""
    model = LinearRegression()
    model.coef_, model.intercept_ = np.array([2.0, 3.0]), 1.0
    joblib.dump(model, path)


def text(content):
    return lambda path: path.write_text(content)


def pickled(content):
    return lambda path: path.write_bytes(pickle.dumps(content))


def picture(size=(8, 6)):
    made = BytesIO()
    Image.new("RGB", size, "red").save(made, format="PNG")
    return made.getvalue()


class Case:
    """A script, the files of its models by `<name>/<version>/<path>`, files beside it, what is asked and answered."""

    def __init__(
        self, script, asked, answer, *, models=None, beside=None, environment=None, headers=None, logged=(), then=()
    ):
        self.script = script
        self.models = models or {"any/1/weights.txt": text("none")}
        self.beside = beside or {}
        self.environment = environment or {}
        self.headers = {"Content-Type": "application/json"} | (headers or {})
        self.logged = logged
        self.questions = [(asked, answer), *then]

    def install(self, replica):
        source = replica.bundle / "source"
        source.mkdir()
        (source / "score.py").write_text((SCRIPTS / f"{self.script}.py").read_text())
        for place, content in self.beside.items():
            path = source / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        for place, make in self.models.items():
            path = replica.bundle / "models" / place
            path.parent.mkdir(parents=True, exist_ok=True)
            make(path)
        versions = {tuple(place.split("/")[:2]) for place in self.models}
        listed = [
            {"name": name, "version": int(number), "path": f"models/{name}/{number}"} for name, number in versions
        ]
        described = {"kind": "entry_script", "models": listed, "entry_script": "score.py"}
        (replica.bundle / "bundle.json").write_text(json.dumps(described))
        return replica


HOUSES = {"data": [[1, 2], [3, 4]]}
PRICES = [9.0, 19.0]
NET = """
class Net:
    def load_state_dict(self, state): self.scale = state["scale"]
    def eval(self): return self
    def __call__(self, values): return [self.scale * value for value in values]
"""
CASES = [
    Case("plain_numpy", HOUSES, PRICES, models={"prices.pkl/3/prices.pkl": linear}),
    Case(
        "double_encoded",
        HOUSES,
        json.dumps({"result": PRICES}),
        models={"prices/1/outputs/model.joblib": linear},
        then=[({"dat": 1}, json.dumps({"error": "'data'"}))],
    ),
    Case("text_errors", {"data": [6, 7]}, "the product is 42", logged=["ready to multiply", "asked for"]),
    Case(
        "numpy_schema",
        HOUSES,
        {"result": PRICES, "tenant": "blue"},
        models={"prices/1/prices.pkl": linear},
        headers={"X-Tenant": "blue"},
    ),
    Case(
        "pandas_orients",
        {
            "data": [{"distance": 2, "night": 0}, {"distance": 4, "night": 1}],
            "tariffs": {"columns": ["per_km", "at_night"], "index": [0], "data": [[1.5, 2.5]]},
        },
        {"fares": [3.0, 10.0]},
    ),
    Case("standard_python", {"text": "An awful bad good day"}, "negative"),
    Case(
        "four_schemas",
        {
            "param1": [[1, 2, 3], [4, 5, 6]],
            "param2": [{"a": 5, "b": "y"}],
            "param3": 2,
            "param4": "2021-03-04T05:06:07",
        },
        {"sum": 21, "columns": ["a", "b"], "number": 4, "year": 2021},
        then=[
            (
                {"param1": [[1, 2, 3]], "param2": [{"a": 5, "b": "y"}], "param3": 2.5},
                {"sum": 6, "columns": ["a", "b"], "number": 5.0, "year": None},
            )
        ],
    ),
    Case(
        "power_bi",
        {"Inputs": {"houses": [{"rooms": 2, "area": 50.0}]}, "GlobalParameters": {"factor": 2.0}},
        {"Results": {"price": [4100.0]}},
    ),
    Case(
        "folder_choice",
        {"model": "steep", "data": [1, 2]},
        [11, 21],
        models={
            "family/2/models/linear.json": text('{"slope": 1, "offset": 0}'),
            "family/2/models/steep.json": text('{"slope": 10, "offset": 1}'),
        },
    ),
    Case(
        "two_models",
        HOUSES,
        {"prices": PRICES, "words": ["new", "words"]},
        models={
            "prices.v2.pkl/1/prices.pkl": linear,
            "words/1/words.txt": text("new words"),
            "words/2/words.txt": text("newer words"),
        },
        logged=["rows: 2"],
    ),
    Case(
        "split_by_position",
        {"data": [[1, 1], [2, 0]]},
        {"result": [5.0, 4.0], "model": "diabetes", "version": "12"},
        models={"diabetes/12/diabetes.npy": lambda path: np.save(path, np.array([2.0, 3.0]))},
        headers={"X-Ms-Request-Id": "visit-1"},
        logged=['"RequestId":"visit-1"', '"NumberOfPredictions":2'],
    ),
    Case(
        "own_onnx",
        {"data": [[1, 2, 3, 4]]},
        {"result": [[2.0, 4.0, 6.0, 8.0]], "quick": True},
        models={"double/1/model/double.onnx": double_model},
    ),
    Case(
        "local_module",
        {"data": [1, -2]},
        {"result": [3, 0]},
        models={"net/1/state.pkl": pickled({"scale": 3})},
        beside={"network/__init__.py": NET, "network/layers.py": "def relu(x):\n    return max(x, 0)\n"},
    ),
    Case(
        "secrets_from_environment",
        {},
        {"fingerprint": "2bb80d53", "service": "iris", "workspace": "vision"},
        environment={"FEATURE_STORE_TOKEN": "secret"},
    ),
    Case("constant", "whatever", "B"),
    Case(
        "collecting_data",
        HOUSES,
        {
            "result": [3, 7],
            "shape": [2, 9],
            "columns": [
                "$aml_dc_boundary",
                "$aml_dc_correlation_id",
                "$aml_dc_scoring_timestamp",
                "$aml_model_name",
                "$aml_model_version",
                "$aml_request_id",
                "$aml_service_name",
                "$aml_workspace",
            ],
        },
        logged=['{"event": "scored", "rows": 2}'],
    ),
    Case(
        "explained",
        {"data": [[1, 3]]},
        {"predictions": [4], "local_importance_values": [{"rooms": 0.25, "area": 0.75}]},
    ),
    Case("driver", {"text": "good"}, "positive", beside={"driven.py": (SCRIPTS / "standard_python.py").read_text()}),
    Case("asynchronous", {"seconds": 0.01}, {"waited": 0.01}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.script)
def test_script_for_azure_runs_unchanged(replica, monkeypatch, case):
    for name, value in case.environment.items():
        monkeypatch.setenv(name, value)
    case.install(replica).start()
    for asked, answer in case.questions:
        got = replica.score(asked, headers=case.headers)
        assert (got.status_code, got.json()) == (200, answer), replica.log()
    replica.until(lambda: all(line in replica.log() for line in case.logged))


@pytest.fixture(scope="module")
def pictures(shared_replica):
    return Case("raw_image", None, None).install(shared_replica).start()


def test_raw_script_gets_bytes_and_returns_an_image(pictures):
    answer = pictures.score(picture(), headers={"Content-Type": "application/octet-stream"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.headers["x-ms-run-function-failed"] == "False"
    assert Image.open(BytesIO(answer.content)).size == (4, 4)


def test_raw_script_reads_a_multipart_form(pictures):
    answer = pictures.client.post("/score", files={"image": picture()}, data={"label": "red" * 300_000})
    assert answer.json() == {"size": [8, 6], "label": "red" * 300_000}


def test_raw_script_sees_the_url(pictures):
    answer = pictures.client.get("/score?name=x%20y")
    assert (answer.text, answer.headers["content-type"]) == ("/score?name=x%20y", "text/plain; charset=utf-8")


def test_options_reach_a_raw_script(pictures):
    answer = pictures.client.options("/score")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers.get_list("access-control-allow-methods") == ["GET", "POST"]
    assert "content-length" not in answer.headers
    assert pictures.client.options("/score", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert pictures.client.put("/score").status_code == 405


def test_raw_script_sets_status_headers_and_failure(replica):
    Case("raw_unprocessable", None, None).install(replica).start()
    refused = replica.score("{not json")
    assert (refused.status_code, "reason" in refused.json()) == (422, True)
    assert refused.headers.get_list("x-reason") == ["json", "syntax"]
    assert refused.headers["x-ms-run-function-failed"] == "True"
    taken = replica.client.post("/score?q=7", json={"data": [1, 2]}, headers={"User-Agent": "curl/8"})
    assert (taken.status_code, taken.json()) == (201, {"agent": "curl/", "asked": "7", "sum": 3})
    assert taken.headers["x-ms-run-function-failed"] == "False"
    assert replica.score('{"nothing": 1}').json() == {}


OWN_STATUS = """
from azureml.contrib.services.aml_response import AMLResponse

def init():
    pass

def run(data):
    return AMLResponse("own", int(data))
"""


@pytest.fixture(scope="module")
def own_status(tmp_path_factory):
    made = Replica(tmp_path_factory.mktemp("own_status") / "replica").with_script(OWN_STATUS).start()
    yield made
    made.close()


@pytest.mark.parametrize(("status", "failed"), [(200, "False"), (404, "False"), (500, "True"), (503, "True")])
def test_raw_status_from_500_counts_as_a_failure(own_status, status, failed):
    answer = own_status.score(str(status))
    assert (answer.status_code, answer.text) == (status, "own")
    assert answer.headers["x-ms-run-function-failed"] == failed


@pytest.mark.parametrize("status", [5000, 600, 101, 99, 0, -5])
def test_invalid_raw_status_is_a_failure_of_the_script(own_status, status):
    answer = own_status.score(str(status))
    assert (answer.status_code, answer.json()["code"]) == (500, "script_failed")
    assert str(status) in answer.json()["message"]
    assert answer.headers["x-ms-run-function-failed"] == "True"
