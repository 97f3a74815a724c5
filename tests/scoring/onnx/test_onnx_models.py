"""No-code models: correct responses in every form, and a clear reason for every refusal."""

import json

import numpy as np
import onnxruntime
import pytest
from onnxruntime.datasets import get_example

from tests.scoring.conftest import KINDS, double_model, kinds_model, sum_model


def iris_model(path):
    path.parent.mkdir(parents=True)
    with open(get_example("logreg_iris.onnx"), "rb") as file:
        path.write_bytes(file.read())


@pytest.fixture(scope="module")
def server(shared_replica):
    models = {"double": double_model, "sum": sum_model, "kinds": kinds_model, "iris": iris_model}
    return shared_replica.with_models(**models).start(max_body_bytes=4_000_000)


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    from tests.scoring.conftest import Replica

    made = Replica(tmp_path_factory.mktemp("single") / "replica").with_models(double=double_model).start()
    yield made
    made.close()


def tensor(name="x", shape=(1, 4), datatype="FP32", data=(1, 2, 3, 4)):
    return {"name": name, "shape": list(shape), "datatype": datatype, "data": list(data)}


def infer(server, *tensors, model="double", **more):
    return server.score({"inputs": list(tensors), **more}, f"/v2/models/{model}/infer")


def refusal(answer):
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]


def test_infer_answers_in_the_open_inference_protocol(server):
    answer = infer(server, tensor(), id="seven")
    assert answer.status_code == 200
    assert answer.json() == {
        "model_name": "double",
        "model_version": "1",
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 4], "data": [2.0, 4.0, 6.0, 8.0]}],
        "id": "seven",
    }


def test_nested_values_equal_flat_values(server):
    nested = tensor(shape=(2, 4), data=[[1, 2, 3, 4], [5, 6, 7, 8]])
    flat = tensor(shape=(2, 4), data=range(1, 9))
    assert infer(server, nested).json() == infer(server, flat).json()


def test_responses_equal_the_results_of_onnxruntime(server):
    session = onnxruntime.InferenceSession(get_example("logreg_iris.onnx"), providers=["CPUExecutionProvider"])
    rows = np.random.default_rng(7).uniform(0, 8, (3, 2)).astype(np.float32)
    labels, maps = session.run(None, {"float_input": rows})
    sent = {"name": "float_input", "shape": [3, 2], "datatype": "FP32", "data": rows.ravel().tolist()}
    outputs = {one["name"]: one for one in infer(server, sent, model="iris").json()["outputs"]}
    assert outputs["label"]["data"] == labels.tolist()
    got = np.array(outputs["probabilities"]["data"], dtype=np.float32).reshape(outputs["probabilities"]["shape"])
    assert outputs["probabilities"]["parameters"]["keys"] == list(maps[0])
    np.testing.assert_allclose(got, [list(row.values()) for row in maps], rtol=1e-6)


@pytest.mark.parametrize("size", [5_000, 20_000])
def test_large_body_is_read_exactly(server, size):
    values = np.random.default_rng(size).normal(size=(size, 4)).astype(np.float32)
    sent = tensor(shape=(size, 4), data=values.astype(float).ravel().tolist())
    answer = infer(server, sent).json()["outputs"][0]
    assert np.array_equal(np.array(answer["data"], dtype=np.float32).reshape(size, 4), values * 2)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("1" * 20_000, ("FP32", "str")),
        ({"deep": [1] * 20_000}, ("FP32", "object")),
        ([[1], *[2] * 19_999], ("FP32", "int")),
        ([1, [2], *[3] * 19_998], ("FP32", "array")),
        ([1, *["2"] * 19_999], ("FP32", "str")),
        ([], ("0 values",)),
    ],
    ids=["text", "object", "nested first", "nested later", "texts", "nothing"],
)
def test_large_body_is_read_as_strictly_as_a_small_one(server, data, words):
    body = json.dumps({"inputs": [tensor(shape=(5_000, 4)) | {"data": data}]})
    told = refusal(server.score(body.replace("[]", f"[{' ' * 20_000}]"), "/v2/models/double/infer"))
    for word in words:
        assert word in told


KIND_VALUES = {
    "BOOL": [True, False],
    "FP16": [0.5, -2.0],
    "FP32": [1.5, -0.25],
    "FP64": [1e300, 0.1],
    "BYTES": ["grün", ""],
    "UINT64": [0, 2**64 - 1],
    "INT64": [-(2**63), 2**63 - 1],
    "INT8": [-128, 127],
}


def test_every_datatype_survives_a_round_trip(server):
    values = {name: KIND_VALUES.get(name, [0, 200]) for name in KINDS}
    sent = [tensor(f"in_{name}", (2,), name, data) for name, data in values.items()]
    outputs = infer(server, *sent, model="kinds").json()["outputs"]
    assert {one["datatype"]: one["data"] for one in outputs} == values


def test_integers_may_be_written_with_a_decimal_point(server):
    given = {name: [0.0, 100.0] if "INT" in name else KIND_VALUES[name] for name in KINDS}
    sent = [tensor(f"in_{name}", (2,), name, data) for name, data in given.items()]
    outputs = infer(server, *sent, model="kinds").json()["outputs"]
    assert {one["datatype"]: one["data"] for one in outputs} == given


@pytest.mark.parametrize(
    ("name", "data", "word"),
    [
        ("INT32", [1, None], "a value is missing"),
        ("INT64", [1, 9007199254740993.0], "float"),
        ("UINT8", [256.0, 1], "255"),
        ("INT8", [0, 128], "127"),
        ("UINT8", [-1, 0], "0"),
        ("INT32", [1.5, 1], "float"),
        ("INT64", [2**63, 1], "9223372036854775807"),
        ("UINT64", [2**64, 1], "fit"),
        ("BOOL", [1, 0], "int"),
        ("BYTES", [1, 2], "str"),
        ("FP32", ["1", 2], "str"),
        ("FP32", [True, 2], "bool"),
        ("FP32", [1e39, 2], "fit"),
        ("FP16", [70000, 1], "fit"),
    ],
)
def test_value_of_the_wrong_type_is_refused(server, name, data, word):
    good = [tensor(f"in_{kind}", (2,), kind, data if kind == name else KIND_VALUES.get(kind, [0, 1])) for kind in KINDS]
    told = refusal(infer(server, *good, model="kinds"))
    assert f"in_{name}" in told
    assert word in told


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (tensor(name="z"), ("no input 'z'", "x (FP32, [any, 4])")),
        (tensor(shape=(1, 5), data=range(5)), ("shape [1, 5]", "[any, 4]")),
        (tensor(shape=(4,)), ("shape [4]",)),
        (tensor(shape=(-1, 4)), ("shape [-1, 4]",)),
        (tensor(data=(1, 2, 3)), ("3 values", "needs 4")),
        (tensor(datatype="FP64"), ("FP64", "FP32")),
        (tensor(datatype="FLOAT"), ("FLOAT",)),
        (tensor(shape=(2, 4), data=[[1, 2, 3, 4], [5, 6, 7]]), ("different length",)),
        (tensor(shape=(2, 4), data=[[1, 2], [3, 4], [5, 6], [7, 8]]), ("nested as [4, 2]",)),
        ({"name": "x", "shape": [1, 4], "datatype": "FP32", "data": 5}, ("x",)),
        ({"name": "x", "shape": [1, 4], "datatype": "FP32"}, ("data",)),
        ({"name": "x", "shape": "1x4", "datatype": "FP32", "data": [1]}, ("shape",)),
    ],
)
def test_invalid_tensor_is_refused_with_the_reason(server, sent, words):
    told = refusal(infer(server, sent))
    for word in words:
        assert word in told


def test_missing_duplicate_and_empty_inputs_are_refused(server):
    assert "missing: b" in refusal(infer(server, tensor("a", (2,), data=[1, 2]), model="sum"))
    assert "given twice" in refusal(infer(server, tensor(), tensor()))
    assert '"inputs"' in refusal(infer(server))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b'{"inputs": [',
        b'{"inputs": [{"data": [NaN]}]}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"[1]",
        b"null",
    ],
)
def test_body_that_is_no_request_is_refused(server, body):
    assert refusal(server.score(body, "/v2/models/double/infer"))


def test_deep_nesting_is_refused_without_crashing_the_server(server):
    deep = b'{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":' + b"[" * 50_000 + b"]" * 50_000 + b"}]}"
    assert "nested" in refusal(server.score(deep, "/v2/models/double/infer"))
    shallow = tensor(data=[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]])
    assert "nested" in refusal(infer(server, shallow))
    assert infer(server, tensor()).status_code == 200


def test_null_means_nan_in_requests_and_responses(server):
    answer = infer(server, tensor(data=[1, None, 3, 3e38]))
    assert answer.json()["outputs"][0]["data"] == [2.0, None, 6.0, None]  # 6e38 is beyond FP32: infinity


def test_request_can_select_outputs(server):
    a, b = tensor("a", (2,), data=[3, 4]), tensor("b", (2,), data=[1, 1])
    answer = infer(server, a, b, model="sum", outputs=[{"name": "difference"}])
    assert [(one["name"], one["data"]) for one in answer.json()["outputs"]] == [("difference", [2.0, 3.0])]
    assert "no output 'product'" in refusal(infer(server, a, b, model="sum", outputs=[{"name": "product"}]))


def test_inputs_of_mismatched_sizes_are_bad_input(server):
    a, b = tensor("a", (2,), data=[3, 4]), tensor("b", (3,), data=[1, 1, 1])
    answer = infer(server, a, b, model="sum")
    told = refusal(answer)
    assert "the model failed" in told
    assert "'n' is 2 in a and 3 in b" in told
    assert infer(server, a, a | {"name": "b"}, model="sum").status_code == 200


def test_score_takes_protocol_bodies_and_nested_data(single):
    assert single.score({"inputs": [tensor()]}).json()["outputs"][0]["data"] == [2.0, 4.0, 6.0, 8.0]
    assert single.score({"data": [[1, 2, 3, 4]]}).json() == {"data": [[2.0, 4.0, 6.0, 8.0]]}
    assert single.score({"data": {"x": [[1, 2, 3, 4]]}}).json() == {"data": [[2.0, 4.0, 6.0, 8.0]]}
    assert single.client.get("/score", params={"data": "[[1,2,3,4]]"}).json() == {"data": [[2.0, 4.0, 6.0, 8.0]]}


@pytest.mark.parametrize("body", [{}, {"data": {"z": 1}}, {"data": [1, 2]}, {"data": "x"}, {"data": [[1, 2, 3]]}, [1]])
def test_score_refuses_invalid_data(single, body):
    answer = single.score(body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_input"
    assert answer.json()["message"]


@pytest.mark.parametrize(
    ("address", "body"), [("/score", b'{"data": {"\xff": [1]}}'), ("/invocations", b'{"inputs": {"\xff": 1}}')]
)
def test_input_name_that_is_not_utf8_is_refused_as_such(single, address, body):
    answer = single.score(body, address)
    assert (answer.status_code, "utf-8" in answer.json()["message"]) == (400, True)
    assert "UnicodeDecodeError" not in single.log()


def test_score_of_several_models_names_the_address_to_use(server):
    answer = server.score({"data": [[1, 2, 3, 4]]})
    assert answer.status_code == 400
    assert "/v2/models/" in answer.json()["message"]


def test_model_metadata_lists_inputs_and_outputs(server):
    assert server.client.get("/v2").json()["name"] == "slipway"
    facts = server.client.get("/v2/models/double").json()
    assert facts["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}]
    assert server.client.get("/v2/models/double/versions/1").json() == facts
    assert server.client.get("/v2/models/double/ready").json() == {"name": "double", "ready": True}
    assert server.client.get("/v2/models/double/versions/2").status_code == 404
    answer = server.client.get("/v2/models/other")
    assert (answer.status_code, "double:1" in answer.json()["error"]) == (404, True)
    assert infer(server, tensor(), model="double/versions/1").status_code == 200


def test_bodies_up_to_the_limit_are_accepted(server):
    assert infer(server, tensor(shape=(50_000, 4), data=[0.125] * 200_000)).status_code == 200
    answer = server.score(b" " * 4_000_001, "/v2/models/double/infer")
    assert (answer.status_code, "4000000" in answer.json()["error"]) == (413, True)


def test_metrics_count_scored_requests(single):
    before = _count(single)
    for _ in range(5):
        single.score({"data": [[1, 2, 3, 4]]})
    assert _count(single) == before + 5


def _count(server):
    lines = server.client.get("/metrics").text.splitlines()
    return next((int(line.split()[-1]) for line in lines if line.startswith('slipway_requests_total{code="200"')), 0)


def test_any_valid_json_spelling_is_accepted(single):
    spaced = json.dumps({"data": [[1, 2, 3, 4]]}, indent=4)
    assert single.score(spaced).status_code == 200
