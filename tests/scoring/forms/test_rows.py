"""Responses by row hold numbers of every type, and scalars stay scalars in every form."""

import json

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.datasets import get_example

from tests.scoring.conftest import KINDS, save
from tests.scoring.form_models import services
from tests.scoring.rpc_models import iris_model

SCALARS = {"FP32": 3.0, "FP64": 3.0, "FP16": 3.0, "INT64": 3, "UINT64": 3, "UINT8": 3, "BOOL": True, "BYTES": "3"}


def classifier(path):
    """p = x·W and its larger place: an INT64 label beside probabilities, and a third output."""
    weights = numpy_helper.from_array(np.array([[1, -1], [0, 1], [1, 0]], np.float32), "w")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]),
        helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n", 2]),
        helper.make_tensor_value_info("pair", TensorProto.INT64, ["n", 1]),
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("ArgMax", ["p"], ["label"], axis=1, keepdims=0),
        helper.make_node("ArgMax", ["p"], ["pair"], axis=1, keepdims=1),
    ]
    return save(path, nodes, [x], outputs, [weights])


def types_model(path):
    """One number a row, as every type."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
    outputs = [helper.make_tensor_value_info(name, kind, ["n"]) for name, kind in KINDS.items()]
    nodes = [helper.make_node("Cast", ["x"], [name], to=kind) for name, kind in KINDS.items()]
    return save(path, nodes, [x], outputs)


def scalars_model(path):
    """The sum of x without an axis, as several types, and the scalar input itself."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
    given = helper.make_tensor_value_info("given", TensorProto.INT64, [])
    outputs = [helper.make_tensor_value_info(name, KINDS[name], []) for name in SCALARS]
    outputs.append(helper.make_tensor_value_info("same", TensorProto.INT64, []))
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        *(helper.make_node("Cast", ["sum"], [name], to=KINDS[name]) for name in SCALARS),
        helper.make_node("Identity", ["given"], ["same"]),
    ]
    return save(path, nodes, [x, given], outputs)


def total_model(path):
    """A single scalar."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [])
    return save(path, [helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0)], [x], [y])


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    models = {
        "iris": iris_model,
        "classes": classifier,
        "types": types_model,
        "scalars": scalars_model,
        "total": total_model,
    }
    with services(tmp_path_factory, **models) as made:
        yield made


def answered(server, path, body, content_type="application/json"):
    sent = body if isinstance(body, str) else json.dumps(body)
    answer = server.client.post(path, content=sent, headers={"Content-Type": content_type})
    assert answer.status_code == 200, answer.text
    return answer.json()


X = [[1, 2, 3], [-1, 2, 0]]
ROWS = [{"label": 0, "p": [4.0, 1.0], "pair": [0]}, {"label": 1, "p": [-1.0, 3.0], "pair": [1]}]


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        ("/v1/models/classes:predict", {"instances": X}, "application/json"),
        ("/invocations", {"instances": X}, "application/json"),
        ("/invocations", {"dataframe_split": {"columns": ["a", "b", "c"], "data": X}}, "application/json"),
        ("/invocations", {"dataframe_records": [dict(zip("abc", row, strict=True)) for row in X]}, "application/json"),
        ("/invocations", "a,b,c\n1,2,3\n-1,2,0\n", "text/csv"),
    ],
)
def test_rows_hold_labels_of_64_bits_and_probabilities(servers, path, body, content_type):
    assert answered(servers["classes"], path, body, content_type) == {"predictions": ROWS}


def test_rows_hold_labels_of_64_bits_and_maps(servers):
    rows = [[4.4, 3.0], [8.0, 1.0], [7.7, 2.6]]
    session = onnxruntime.InferenceSession(get_example("logreg_iris.onnx"), providers=["CPUExecutionProvider"])
    labels, maps = session.run(None, {"float_input": np.array(rows, np.float32)})
    assert answered(servers["iris"], "/v1/models/iris:predict", {"instances": rows})["predictions"] == [
        {"label": label, "probabilities": {str(key): value for key, value in probabilities.items()}}
        for label, probabilities in zip(labels.tolist(), maps, strict=True)
    ]


def test_rows_hold_numbers_of_every_type(servers):
    answer = answered(servers["types"], "/v1/models/types:predict", {"instances": [1, 2]})
    wanted = {name: 2.0 if name.startswith("FP") else 2 for name in KINDS} | {"BOOL": True, "BYTES": "2"}
    assert answer["predictions"][1] == wanted
    assert {name: type(value) for name, value in answer["predictions"][1].items()} == {
        name: type(value) for name, value in wanted.items()
    }


@pytest.mark.parametrize(
    ("path", "key", "answer_key"),
    [("/score", "data", "data"), ("/v1/models/scalars:predict", "inputs", "outputs"),
     ("/invocations", "inputs", "predictions")],
)  # fmt: skip
def test_scalar_outputs_are_answered_as_scalars(servers, path, key, answer_key):
    answer = answered(servers["scalars"], path, {key: {"x": [1, 2], "given": 7}})
    assert answer == {answer_key: SCALARS | {"same": 7}}


def test_only_scalar_output_is_the_prediction_itself(servers):
    server = servers["total"]
    assert answered(server, "/score", {"data": [1, 2]}) == {"data": 3.0}
    assert answered(server, "/v1/models/total:predict", {"inputs": [1, 2]}) == {"outputs": 3.0}
    assert answered(server, "/invocations", {"inputs": [1, 2]}) == {"predictions": 3.0}


def test_scalars_in_the_protocol_have_an_empty_shape(servers):
    inputs = [
        {"name": "x", "shape": [2], "datatype": "FP32", "data": [1, 2]},
        {"name": "given", "shape": [], "datatype": "INT64", "data": [7]},
    ]
    outputs = answered(servers["scalars"], "/v2/models/scalars/infer", {"inputs": inputs})["outputs"]
    assert {one["name"]: (one["shape"], one["data"]) for one in outputs} == {
        name: ([], [value]) for name, value in (SCALARS | {"same": 7}).items()
    }
