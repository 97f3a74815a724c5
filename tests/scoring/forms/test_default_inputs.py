"""Inputs that have a default: omitted or given, in every form, and never applied to other requests."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from scoring.contract import Batching, BundledModel
from scoring.forms import Inputs
from scoring.onnx.model import OnnxModel
from scoring.queue.padding import Padding
from tests.scoring.conftest import Replica
from tests.scoring.rpc_client import started, tensor


def scaled(path, *, ir_version=8, shift=()):
    """y = alpha·x + shift, where alpha is 2 and shift 0 unless given."""
    kinds = {"x": ["n"], "alpha": [1], "shift": list(shift)}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in kinds.items()]
    weights = [
        numpy_helper.from_array(np.array([2], np.float32), "alpha"),
        numpy_helper.from_array(np.zeros(shift, np.float32), "shift"),
    ]
    nodes = [helper.make_node("Mul", ["x", "alpha"], ["m"]), helper.make_node("Add", ["m", "shift"], ["y"])]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])
    graph = helper.make_graph(nodes, "scaled", inputs, [output], weights)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=ir_version), str(path))
    return path


def of_old_file(path):
    return scaled(path, ir_version=3)


@pytest.fixture(scope="module")
def rpc(shared_replica):
    with closing(started(shared_replica.with_models(scaled=scaled))) as made:
        yield made


@pytest.fixture(scope="module")
def server(rpc):
    return rpc.replica


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    made = Replica(tmp_path_factory.mktemp("old") / "replica").with_models(old=of_old_file).start()
    yield made
    made.close()


def one(name, data, shape=None):
    return {"name": name, "shape": [len(data)] if shape is None else shape, "datatype": "FP32", "data": data}


X, ALPHA, SHIFT = one("x", [1, 2]), one("alpha", [5]), one("shift", [1], [])


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/v2/models/scaled/infer", {"inputs": [X]}, [2, 4]),
        ("/v2/models/scaled/infer", {"inputs": [X, ALPHA]}, [5, 10]),
        ("/v2/models/scaled/infer", {"inputs": [SHIFT, X, ALPHA]}, [6, 11]),
        ("/score", {"inputs": [ALPHA, X]}, [5, 10]),
        ("/score", {"data": [1, 2]}, [2, 4]),
        ("/score", {"data": {"x": [1, 2], "alpha": [5]}}, [5, 10]),
        ("/score", {"data": {"x": [1, 2], "shift": 1}}, [3, 5]),
        ("/v1/models/scaled:predict", {"inputs": [1, 2]}, [2, 4]),
        ("/v1/models/scaled:predict", {"inputs": {"x": [1, 2], "alpha": [5]}}, [5, 10]),
        ("/v1/models/scaled:predict", {"instances": [1, 2]}, [2, 4]),
        ("/v1/models/scaled:predict", {"instances": [{"x": 1, "alpha": 5}, {"x": 2, "alpha": 5}]}, [5, 10]),
        ("/v1/models/scaled:predict", {"instances": [{"x": 1, "alpha": [5], "shift": 1}]}, [6]),
        ("/invocations", {"dataframe_records": [{"x": 1}, {"x": 2}]}, [2, 4]),
        ("/invocations", {"dataframe_records": [{"x": 1, "alpha": 5}, {"x": 2, "alpha": 5}]}, [5, 10]),
        ("/invocations", {"dataframe_split": {"columns": ["shift", "x"], "data": [[1, 1], [1, 2]]}}, [3, 5]),
        ("/invocations", {"inputs": {"x": [1, 2], "alpha": [5]}}, [5, 10]),
    ],
)
def test_optional_input_may_be_omitted_or_given(server, path, body, expected):
    answer = server.score(body, path)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    values = next(found[key] for key in ("data", "outputs", "predictions") if key in found)
    assert (values[0]["data"] if isinstance(values[0], dict) else values) == expected


def test_optional_input_may_be_given_over_grpc(rpc):
    asked = [tensor("x", [2], data=[1, 2]), tensor("alpha", [1], data=[5])]
    assert list(rpc.ask(*asked, model="scaled").outputs[0].contents.fp32_contents) == [5, 10]
    assert list(rpc.ask(asked[0], model="scaled").outputs[0].contents.fp32_contents) == [2, 4]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/score", {"inputs": [ALPHA]}, "missing: x"),
        ("/score", {"data": {"alpha": [5]}}, "alpha (FP32, [1], optional)"),
        ("/score", {"data": {"x": [1], "beta": [5]}}, "beta"),
        ("/invocations", {"dataframe_records": [{"x": 1, "alpha": 5}, {"x": 2, "alpha": 6}]}, "one value for all rows"),
        ("/invocations", {"instances": [{"x": 1, "alpha": 5}, {"x": 2}]}, "all need the same"),
    ],
)
def test_invalid_optional_input_is_refused_with_the_reason(server, path, body, words):
    answer = server.score(body, path)
    assert (answer.status_code, words in answer.json()["message"]) == (400, True), answer.text


def test_metadata_marks_inputs_with_a_default_as_optional(server):
    inputs = server.client.get("/v2/models/scaled").json()["inputs"]
    assert [(told["name"], told.get("optional", False)) for told in inputs] == [
        ("x", False), ("alpha", True), ("shift", True),
    ]  # fmt: skip
    config = server.client.get("/v2/models/scaled/config").json()["input"]
    assert [told.get("optional", False) for told in config] == [False, True, True]
    schemas = server.client.get("/swagger.json?version=3").json()["components"]["schemas"]
    _, short = schemas["ServiceInput"]["anyOf"]
    asked = schemas["InferenceRequest_scaled_1"]
    assert [told["name"] for told in schemas["ServiceInput"]["example"]["inputs"]] == ["x"]
    assert asked["properties"]["inputs"]["items"]["properties"]["name"]["enum"] == ["x", "alpha", "shift"]
    assert short["properties"]["data"]["anyOf"][1]["required"] == ["x"]


def test_weights_listed_as_inputs_by_old_files_are_hidden(old):
    assert [told["name"] for told in old.client.get("/v2/models/old").json()["inputs"]] == ["x"]
    assert old.score({"data": [1, 2]}).json() == {"data": [2, 4]}
    assert "alpha" not in json.dumps(old.client.get("/swagger.json?version=3").json())


def test_requests_that_replace_a_default_are_not_batched(replica):
    replica.with_models(scaled=scaled).start(batching={"rows": 8, "delay_seconds": 0.05})
    factors = [2, 3, 5, 2, 7, 2, 2, 11] * 2

    def ask(factor):
        given = [] if factor == 2 else [one("alpha", [factor])]
        return replica.score({"inputs": [one("x", [1]), *given]}, "/v2/models/scaled/infer").json()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, factors))
    assert [answer["outputs"][0]["data"] for answer in answers] == [[factor] for factor in factors]


def test_request_that_replaces_a_default_has_a_batch_key_of_its_own(tmp_path):
    model = OnnxModel(BundledModel(name="m", version=1, path=""), scaled(tmp_path / "model.onnx"), 1)
    padding, x = Padding(model, Batching().pad), np.ones(1, np.float32)
    plain, given = Inputs(model.output_names, {"x": x}), Inputs(model.output_names, {"x": x, "alpha": x})
    assert padding.batch_key(plain) == padding.batch_key(plain)
    assert padding.batch_key(given) != padding.batch_key(given)
    model.bind()
    assert model.compute(model.output_names, given.feed)[0].tolist() == [1.0]


def test_model_without_inputs_answers_a_request_without_inputs(replica):
    def constant(path):
        node = helper.make_node("Constant", [], ["y"], value_floats=[3.0])
        output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
        graph = helper.make_graph([node], "constant", [], [output])
        path.parent.mkdir(parents=True)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))

    replica.with_models(constant=constant).start()
    assert replica.score({"inputs": []}, "/v2/models/constant/infer").json()["outputs"][0]["data"] == [3.0]
