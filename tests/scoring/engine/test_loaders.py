"""Models of any framework are served alike: a loader is all that a framework needs."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from scoring.calibration.batch_size import calibrate
from scoring.contract import Batching, BundledModel
from scoring.core.errors import StartFailure
from scoring.engine import loaders
from tests.scoring.conftest import ROOT, free_port
from tests.scoring.engine.numpy_loader import MatrixModel
from tests.scoring.rpc_client import HEADERS, Rpc, triton_input

MATRIX = np.array([[1, 0, 2], [0, 3, 0]], np.float32)
ROW = np.array([[5, 7]], np.float32)
PRODUCT = [[5, 21, 10]]
MATRIX_MODEL = BundledModel(name="matrix", version=1, path="models/matrix/1", framework="numpy")


@pytest.fixture(scope="module")
def server(shared_replica):
    folder = shared_replica.bundle / MATRIX_MODEL.path
    folder.mkdir(parents=True)
    np.save(folder / "matrix.npy", MATRIX)
    model = {"name": "matrix", "version": 1, "path": MATRIX_MODEL.path, "framework": "numpy"}
    (shared_replica.bundle / "bundle.json").write_text(json.dumps({"kind": "no_code", "models": [model]}))
    shared_replica.settings |= {"grpc_port": free_port(), "cpus": 1, "batching": {"delay_seconds": 1}}
    run = shared_replica.folder / "run.json"
    run.write_text(json.dumps(shared_replica.settings))
    program = [sys.executable, "-m", "tests.scoring.engine.numpy_loader", str(run)]
    shared_replica.process = subprocess.Popen(program, cwd=ROOT, start_new_session=True)
    shared_replica.wait_for("ready")
    return shared_replica


def test_model_of_another_framework_answers_score(server):
    assert server.score({"data": ROW.tolist()}).json() == {"data": PRODUCT}


def test_model_of_another_framework_answers_the_open_inference_protocol(server):
    body = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [5, 7]}]}
    assert server.score(body, "/v2/models/matrix/infer").json()["outputs"] == [
        {"name": "y", "datatype": "FP32", "shape": [1, 3], "data": PRODUCT[0]}
    ]


def test_model_of_another_framework_answers_over_grpc(server):
    rpc = Rpc(server, server.settings["grpc_port"])
    try:
        found = rpc.triton.infer("matrix", [triton_input("x", ROW)], headers=HEADERS).as_numpy("y")
    finally:
        rpc.close()
    assert found.tolist() == PRODUCT


def test_requests_that_the_model_refuses_get_its_reason(server):
    refused = server.score({"data": [[5, None]]})
    assert (refused.status_code, refused.json()["message"]) == (
        400,
        "the model refuses these inputs: a value is missing",
    )


def test_metadata_has_the_calibrated_shape_and_the_platform_of_the_model(server):
    metadata = server.client.get("/v2/models/matrix").json()
    assert (metadata["platform"], metadata["outputs"]) == (
        "numpy_matrix",
        [{"name": "y", "datatype": "FP32", "shape": [-1, 3]}],
    )


def test_concurrent_requests_share_a_run_of_a_model_of_another_framework(server):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: server.score({"data": [[n, 0]]}).json(), range(8)))
    assert answers == [{"data": [[n, 0, 2 * n]]} for n in range(8)]
    [counted] = server.client.get("/v2/models/matrix/stats").json()["model_stats"]
    assert 8 in [one["batch_size"] for one in counted["batch_stats"]]


def test_model_whose_rows_mix_is_found_out_without_reading_its_graph():
    class Mixing(MatrixModel):
        def compute(self, names, feed, **more):
            return [result + feed["x"].sum() for result in super().compute(names, feed, **more)]

    assert calibrate(MatrixModel(MATRIX_MODEL, MATRIX), Batching()).most_rows > 1
    assert calibrate(Mixing(MATRIX_MODEL, MATRIX), Batching()) is None


def test_model_without_a_loader_is_refused_with_the_frameworks_that_have_one(replica):
    replica.with_models(forest=lambda path: path.parent.mkdir(parents=True))
    described = replica.bundle / "bundle.json"
    described.write_text(described.read_text().replace('"onnx"', '"scikit-learn"'))
    failure = replica.fail_to_start()
    assert (failure["reason"], failure["message"], failure["hint"]) == (
        "model_invalid",
        "forest:1 is a scikit-learn model; only these run without code: onnx, pickle, skops, xgboost-ubj, xgboost, "
        "lightgbm, catboost, torchscript, pt2, saved-model, keras",
        "Deploy it with an entry script.",
    )


def test_missing_runtime_is_reported_with_its_name(monkeypatch):
    def open_loader():
        import runtime_of_numpy  # noqa: F401

    monkeypatch.setitem(loaders.LOADERS, "numpy", open_loader)
    with pytest.raises(StartFailure, match="runtime_of_numpy") as raised:
        loaders.find_loader(MATRIX_MODEL)
    assert raised.value.failure.reason == "import_missing"
