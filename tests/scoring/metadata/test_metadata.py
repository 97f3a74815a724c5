"""Metadata and statistics of server and models, as Triton's client reads them."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
import tritonclient.http as triton

from tests.scoring.batches import body, heavy_model
from tests.scoring.conftest import KEY, double_model, kinds_model, sum_model

AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
ROW = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}


@pytest.fixture(scope="module")
def server(shared_replica):
    return shared_replica.with_models(double=double_model, sum=sum_model, kinds=kinds_model).start(processes=2)


@pytest.fixture(scope="module")
def client(server):
    made = triton.InferenceServerClient(f"127.0.0.1:{server.port}")
    yield made
    made.close()


def test_tritonclient_finds_server_and_models_ready(client):
    assert client.is_server_live(headers=AUTHORIZED)
    assert client.is_server_ready(headers=AUTHORIZED)
    assert client.is_model_ready("double", headers=AUTHORIZED)
    assert client.is_model_ready("double", "1", headers=AUTHORIZED)
    assert not client.is_model_ready("double", "2", headers=AUTHORIZED)
    assert not client.is_model_ready("other", headers=AUTHORIZED)


def test_tritonclient_reads_metadata_and_configuration(client):
    assert client.get_server_metadata(headers=AUTHORIZED) == {
        "name": "slipway", "version": "2",
        "extensions": ["binary_tensor_data", "model_configuration", "statistics"],
    }  # fmt: skip
    facts = client.get_model_metadata("sum", headers=AUTHORIZED)
    assert facts["inputs"][0] == {"name": "a", "datatype": "FP32", "shape": [-1]}
    config = client.get_model_config("kinds", headers=AUTHORIZED)
    assert (config["name"], config["backend"], config["max_batch_size"]) == ("kinds", "onnxruntime", 0)
    assert {one["data_type"] for one in config["input"]} >= {"TYPE_BOOL", "TYPE_FP32", "TYPE_STRING", "TYPE_UINT64"}


def test_tritonclient_lists_the_repository(client):
    listed = client.get_model_repository_index(headers=AUTHORIZED)
    assert listed == [{"name": name, "version": "1", "state": "READY", "reason": ""}
                      for name in ("double", "sum", "kinds")]  # fmt: skip


def test_versions_of_a_model_are_served_side_by_side(replica):
    replica.with_models(double=double_model)
    double_model(replica.bundle / "models" / "double" / "2" / "model.onnx")
    listed = [
        {"name": "double", "version": number, "path": f"models/double/{number}", "framework": "onnx"}
        for number in (1, 2)
    ]
    replica._describe("no_code", [])
    described = replica.bundle / "bundle.json"
    described.write_text(f'{{"kind": "no_code", "models": {listed}}}'.replace("'", '"'))
    replica.start()
    assert replica.client.get("/v2/models/double").json()["versions"] == ["1", "2"]
    for path, version in {"double": "2", "double/versions/1": "1", "double/versions/2": "2"}.items():
        assert replica.score(ROW, f"/v2/models/{path}/infer").json()["model_version"] == version
    counted = replica.client.get("/v2/models/stats").json()["model_stats"]
    assert [(one["version"], one["inference_count"]) for one in counted] == [("1", 1), ("2", 2)]
    paths = replica.client.get("/swagger.json?version=3").json()["paths"]
    assert {"/v2/models/double/infer", "/v2/models/double/versions/1/infer"} < set(paths)


def stats_of(client, model="", version=""):
    return client.get_inference_statistics(model, version, headers=AUTHORIZED)["model_stats"]


def test_tritonclient_statistics_are_summed_over_processes(client, server):
    before = {one["name"]: one for one in stats_of(client)}
    for _ in range(20):  # each connection may end at the other process
        httpx.post(f"{server.client.base_url}/v2/models/double/infer", json=ROW, headers=AUTHORIZED).raise_for_status()
    tensor = triton.InferInput("x", [1, 4], "FP32").set_data_from_numpy(np.ones((1, 4), np.float32))
    client.infer("double", [tensor], headers=AUTHORIZED)
    server.score({"inputs": []}, "/v2/models/double/infer")
    server.score(ROW, "/v2/models/double/infer", headers={"Authorization": "Bearer wrong"})
    (after,) = stats_of(client, "double")
    figures, earlier = after["inference_stats"], before["double"]["inference_stats"]
    grown = {name: figures[name]["count"] - earlier[name]["count"] for name in figures}
    assert grown == {"success": 21, "fail": 1, "queue": 22, "compute_input": 21, "compute_infer": 21,
                     "compute_output": 21, "cache_hit": 0, "cache_miss": 0}  # fmt: skip
    assert after["inference_count"] - before["double"]["inference_count"] == 21
    assert after["execution_count"] - before["double"]["execution_count"] == 21
    parts = ("compute_input", "compute_infer", "compute_output")
    assert all(0 < figures[part]["ns"] < 60e9 for part in parts)
    assert sum(figures[part]["ns"] for part in parts) < figures["success"]["ns"] * 1.5
    assert after["batch_stats"][0]["batch_size"] == 1
    assert after["batch_stats"][0]["compute_infer"] == figures["compute_infer"]
    assert {one["name"]: one for one in stats_of(client)}["sum"] == before["sum"]


def test_statistics_have_time_of_last_inference(client, server):
    server.score(ROW, "/v2/models/double/infer")
    server.until(lambda: stats_of(client, "double", "1")[0]["last_inference"] > 1.7e12)


def test_single_model_has_the_statistics_of_the_service(replica):
    replica.with_models(double=double_model).start()
    for path in ("/score", "/v2/models/double/infer", "/v1/models/double:predict"):
        replica.score({"instances": [[1, 2, 3, 4]]} if "v1" in path else ROW, path)
    (counted,) = replica.client.get("/v2/models/double/stats").json()["model_stats"]
    assert (counted["inference_count"], counted["inference_stats"]["success"]["count"]) == (3, 3)


def test_statistics_count_batches_by_size(replica):
    replica.with_models(heavy=heavy_model).start(batching={"rows": 8, "delay_seconds": 0.2})
    rows = [body(1.25, tokens=60_000)] * 24  # so large that they wait for a thread, however quick the machine is
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda row: replica.score(row, "/v2/models/heavy/infer"), rows))
    assert {answer.status_code for answer in answers} == {200}
    (counted,) = replica.client.get("/v2/models/heavy/stats").json()["model_stats"]
    runs = {one["batch_size"]: one["compute_infer"]["count"] for one in counted["batch_stats"]}
    assert counted["inference_count"] == len(rows) == sum(size * count for size, count in runs.items())
    assert counted["execution_count"] == sum(runs.values()) < len(rows)


def test_entry_script_has_no_model_statistics(replica):
    replica.with_script("def init(): pass\ndef run(data): return data\n").start()
    assert replica.client.get("/v2/models/iris/stats").status_code == 404
    assert replica.client.get("/v2/models/stats").json() == {"model_stats": []}
