"""The Open Inference Protocol's own examples, asked as they are written there.

Its text shows a model `mymodel` with the inputs `input0` ([2, 2], UINT32) and `input1` ([3], BOOL) and the output
`output0` ([3, 2], FP32), and says field by field what every answer holds. The model here has a second output, so
that there is one to choose.
"""

import json

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.scoring.conftest import save

INFER = "/v2/models/mymodel/infer"
INPUT0 = {"name": "input0", "shape": [2, 2], "datatype": "UINT32", "data": [1, 2, 3, 4]}
INPUT1 = {"name": "input1", "shape": [3], "datatype": "BOOL", "data": [True, False, True]}
EXAMPLE = {"id": "42", "inputs": [INPUT0, INPUT1], "outputs": [{"name": "output0"}]}


def example_model(path):
    """output0 has a row of sums for every flag, of the columns of input0 or nothing; output1 is input1 turned round."""
    input0 = helper.make_tensor_value_info("input0", TensorProto.UINT32, [2, 2])
    input1 = helper.make_tensor_value_info("input1", TensorProto.BOOL, [3])
    output0 = helper.make_tensor_value_info("output0", TensorProto.FLOAT, [3, 2])
    output1 = helper.make_tensor_value_info("output1", TensorProto.BOOL, [3])
    upright = helper.make_tensor("upright", TensorProto.INT64, [2], [3, 1])
    nodes = [
        helper.make_node("Cast", ["input0"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["numbers", "first"], ["sums"], keepdims=1),
        helper.make_node("Cast", ["input1"], ["flags"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["flags", "upright"], ["column"]),
        helper.make_node("Mul", ["column", "sums"], ["output0"]),
        helper.make_node("Not", ["input1"], ["output1"]),
    ]
    first = helper.make_tensor("first", TensorProto.INT64, [1], [0])
    return save(path, nodes, [input0, input1], [output0, output1], [upright, first])


@pytest.fixture(scope="module")
def server(shared_replica):
    return shared_replica.with_models(mymodel=example_model).start()


def infer(server, path=INFER, **parts):
    answer = server.client.post(path, json=EXAMPLE | parts)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refusal(server, path=INFER, status=400, **parts):
    """Errors hold exactly one field."""
    answer = server.client.post(path, json=EXAMPLE | parts)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    return answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        ("/v2/models/mymodel/ready", {"name": "mymodel", "ready": True}),
        ("/v2/models/mymodel/versions/1/ready", {"name": "mymodel", "ready": True}),
    ],
)
def test_health_is_a_status_of_200_and_an_object(server, path, told):
    answer = server.client.get(path)
    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (200, "application/json", told)


def test_a_model_that_does_not_exist_is_not_ready(server):
    for path in ("/v2/models/other/ready", "/v2/models/mymodel/versions/2/ready"):
        answer = server.client.get(path)
        assert (answer.status_code, list(answer.json())) == (404, ["error"])


def test_server_metadata_has_name_version_and_extensions(server):
    told = server.client.get("/v2").json()
    assert set(told) == {"name", "version", "extensions"}
    assert all(isinstance(told[field], str) for field in ("name", "version"))
    assert all(isinstance(extension, str) for extension in told["extensions"])


@pytest.mark.parametrize("path", ["/v2/models/mymodel", "/v2/models/mymodel/versions/1"])
def test_model_metadata_has_inputs_and_outputs(server, path):
    assert server.client.get(path).json() == {
        "name": "mymodel",
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": [
            {"name": "input0", "datatype": "UINT32", "shape": [2, 2]},
            {"name": "input1", "datatype": "BOOL", "shape": [3]},
        ],
        "outputs": [
            {"name": "output0", "datatype": "FP32", "shape": [3, 2]},
            {"name": "output1", "datatype": "BOOL", "shape": [3]},
        ],
    }


@pytest.mark.parametrize("path", [INFER, "/v2/models/mymodel/versions/1/infer"])
def test_the_example_is_answered_with_the_chosen_output(server, path):
    answer = server.client.post(path, content=json.dumps(EXAMPLE), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {
        "id": "42",
        "model_name": "mymodel",
        "model_version": "1",
        "outputs": [
            {"name": "output0", "shape": [3, 2], "datatype": "FP32", "data": [4.0, 6.0, 0.0, 0.0, 4.0, 6.0]}
        ],
    }  # fmt: skip


def test_request_without_outputs_gets_all_of_them(server):
    answer = infer(server, outputs=None)
    assert [one["name"] for one in answer["outputs"]] == ["output0", "output1"]
    assert answer["outputs"][1]["data"] == [False, True, False]


def test_outputs_come_in_the_order_in_which_they_were_chosen(server):
    answer = infer(server, outputs=[{"name": "output1"}, {"name": "output0"}])
    assert [one["name"] for one in answer["outputs"]] == ["output1", "output0"]


def test_the_id_comes_back_where_one_was_given(server):
    assert infer(server)["id"] == "42"
    assert "id" not in infer(server, id=None)


def test_the_order_of_the_inputs_does_not_matter(server):
    assert infer(server, inputs=[INPUT1, INPUT0]) == infer(server)


def test_data_may_be_nested_as_the_shape_or_flat_in_row_major_order(server):
    nested = INPUT0 | {"data": [[1, 2], [3, 4]]}
    assert infer(server, inputs=[nested, INPUT1]) == infer(server)


def test_parameters_that_mean_nothing_here_are_passed_over(server):
    parameters = {"text": "a", "number": 7, "fraction": 0.5, "flag": True}
    wanted = {"name": "output0", "parameters": parameters}
    inputs = [INPUT0 | {"parameters": parameters}, INPUT1 | {"parameters": {}}]
    assert infer(server, parameters=parameters, inputs=inputs, outputs=[wanted]) == infer(server)


def test_fields_that_the_protocol_does_not_know_are_passed_over(server):
    assert infer(server, inputs=[INPUT0 | {"note": "x"}, INPUT1], later=[1]) == infer(server)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"inputs": [INPUT0]}, "missing: input1 (BOOL, [3])"),
        ({"inputs": []}, '"inputs"'),
        ({"inputs": [INPUT0, INPUT0, INPUT1]}, "given twice"),
        ({"inputs": [INPUT0 | {"name": "input2"}, INPUT1]}, "no input 'input2'"),
        ({"inputs": [INPUT0 | {"datatype": "INT32"}, INPUT1]}, "takes UINT32"),
        ({"inputs": [INPUT0 | {"datatype": "uint32"}, INPUT1]}, "takes UINT32"),
        ({"inputs": [INPUT0 | {"shape": [4]}, INPUT1]}, "takes [2, 2]"),
        ({"inputs": [INPUT0 | {"shape": [2, -2]}, INPUT1]}, "takes [2, 2]"),
        ({"inputs": [INPUT0 | {"data": [1, 2, 3]}, INPUT1]}, "needs 4"),
        ({"inputs": [INPUT0 | {"data": [1, 2, 3, -4]}, INPUT1]}, "input0"),
        ({"inputs": [INPUT0 | {"data": [1, 2, 3, "4"]}, INPUT1]}, "input0"),
        ({"inputs": [INPUT0, INPUT1 | {"data": [1, 0, 1]}]}, "input1"),
        ({"inputs": [{"name": "input0"}, INPUT1]}, "shape"),
        ({"outputs": [{"name": "output2"}]}, "no output 'output2'"),
        ({"outputs": [{}]}, "name"),
        ({"id": 42}, "id"),
        ({"parameters": [1]}, "parameters"),
    ],
)
def test_an_error_says_in_one_field_what_is_wrong(server, parts, words):
    assert words in refusal(server, **parts)


def test_an_unknown_model_or_version_is_an_error(server):
    assert "mymodel:1" in refusal(server, "/v2/models/other/infer", 404)
    assert "mymodel" in refusal(server, "/v2/models/mymodel/versions/7/infer", 404)


def test_the_same_tensors_in_binary_give_the_same(server):
    """The extension's example: JSON, then the values of every input, in the order of the inputs."""
    parts = [np.array([1, 2, 3, 4], "<u4").tobytes(), b"\x01\x00\x01"]
    inputs = [{key: one[key] for key in ("name", "shape", "datatype")} | {"parameters": {"binary_data_size": size}}
              for one, size in ((INPUT0, 16), (INPUT1, 3))]  # fmt: skip
    wanted = [{"name": "output0", "parameters": {"binary_data": True}}, {"name": "output1"}]
    head = json.dumps({"inputs": inputs, "outputs": wanted}).encode()
    sizes = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
    answer = server.client.post(INFER, content=head + b"".join(parts), headers=sizes)
    length = int(answer.headers["inference-header-content-length"])
    told, tail = json.loads(answer.content[:length]), answer.content[length:]
    assert answer.headers["content-type"] == "application/octet-stream"
    assert told["outputs"] == [
        {"name": "output0", "shape": [3, 2], "datatype": "FP32", "parameters": {"binary_data_size": 24}},
        {"name": "output1", "shape": [3], "datatype": "BOOL", "data": [False, True, False]},
    ]
    assert np.frombuffer(tail, "<f4").tolist() == [4.0, 6.0, 0.0, 0.0, 4.0, 6.0]
