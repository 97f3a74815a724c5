"""Tensors over gRPC: typed or raw, of every datatype, and those that do not fit."""

import grpc
import numpy as np
import orjson
import pytest
from onnx import helper

from tests.scoring.conftest import KINDS
from tests.scoring.rpc_client import HEADERS, ROW, refused, served, tensor, triton_input, x
from tests.scoring.rpc_models import CONTENTS


@pytest.fixture(scope="module")
def server(shared_replica):
    with served(shared_replica) as rpc:
        yield rpc


# -- predictions


def test_tritonclient_gets_its_prediction(server):
    answer = server.triton.infer("double", [triton_input("x", ROW)], headers=HEADERS, request_id="seven")
    assert np.array_equal(answer.as_numpy("y"), ROW * 2)
    told = answer.get_response()
    assert (told.model_name, told.model_version, told.id) == ("double", "1", "seven")


def test_typed_contents_are_answered_with_typed_contents(server):
    answer = server.ask(tensor(), id="eight")
    assert list(answer.outputs[0].contents.fp32_contents) == [2, 4, 6, 8]
    assert (answer.id, list(answer.outputs[0].shape), list(answer.raw_output_contents)) == ("eight", [1, 4], [])


def test_every_datatype_round_trips_as_typed_contents(server):
    inputs = [tensor(f"in_{name}", [2], name, place, values) for name, (place, values) in CONTENTS.items()]
    answer = server.ask(*inputs, model="typed")
    told = {one.datatype: (one.name, list(getattr(one.contents, CONTENTS[one.datatype][0]))) for one in answer.outputs}
    assert told == {name: (f"out_{name}", values) for name, (_, values) in CONTENTS.items()}


def test_every_datatype_round_trips_as_raw_bytes(server):
    sent = {
        name: np.array(values, helper.tensor_dtype_to_np_dtype(KINDS[name])) for name, (_, values) in CONTENTS.items()
    }
    sent |= {"FP16": np.array([0.5, -2], np.float16), "BYTES": np.array(["grün", ""], np.object_)}
    inputs = [triton_input(f"in_{name}", array, name) for name, array in sent.items()]
    answer = server.triton.infer("kinds", inputs, headers=HEADERS)
    for name, array in sent.items():
        got = answer.as_numpy(f"out_{name}")
        wanted = np.array(["grün".encode(), b""], np.object_) if name == "BYTES" else array
        assert (got.dtype, got.tolist()) == (wanted.dtype, wanted.tolist())


def test_empty_contents_are_allowed_beside_raw_bytes(server):
    """As MLServer's converters write them."""
    answer = server.ask(tensor(data=[]), raw=[ROW.tobytes()])
    assert np.frombuffer(answer.raw_output_contents[0], np.float32).tolist() == [2, 4, 6, 8]


def test_fp16_has_raw_contents_only(server):
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FP16 has no typed contents", "raw_input_contents"):
        server.ask(tensor("in_FP16", [1], "FP16", data=[0.5]), model="kinds")
    told = server.ask(tensor("in_FP32", [1], data=[0.5]), model="halves")
    assert told.outputs[0].datatype == "FP16"
    assert list(told.raw_output_contents) == [np.array([0.5], np.float16).tobytes()]


def test_requested_outputs_are_returned_in_order(server):
    a, b = (tensor(name, [2], data=values) for name, values in (("a", [5, 7]), ("b", [1, 2])))
    answer = server.ask(a, b, model="sum", outputs=["difference", "total"])
    assert [(one.name, list(one.contents.fp32_contents)) for one in answer.outputs] == [
        ("difference", [4, 5]), ("total", [6, 9])
    ]  # fmt: skip
    assert [one.name for one in server.ask(a, b, model="sum", outputs=["total"]).outputs] == ["total"]


def test_class_probabilities_are_a_matrix_with_keys(server):
    rows = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    answer = server.triton.infer("iris", [triton_input("float_input", rows)], headers=HEADERS)
    sent = {"name": "float_input", "shape": [3, 2], "datatype": "FP32", "data": rows.ravel().tolist()}
    shown = server.replica.score({"inputs": [sent]}, "/v2/models/iris/infer").json()["outputs"][1]
    told = answer.get_output("probabilities")
    assert orjson.loads(told.parameters["keys"].string_param) == shown["parameters"]["keys"]
    np.testing.assert_allclose(answer.as_numpy("probabilities").ravel(), shown["data"], rtol=1e-6)


def test_large_tensor_is_read_exactly(server):
    values = np.random.default_rng(1).normal(size=(60_000, 4)).astype(np.float32)
    answer = server.triton.infer("double", [triton_input("x", values)], headers=HEADERS)
    assert np.array_equal(answer.as_numpy("y"), values * 2)
    typed = server.ask(tensor(shape=values.shape, data=values.ravel().tolist()))
    assert np.array_equal(np.array(typed.outputs[0].contents.fp32_contents, np.float32), values.ravel() * 2)


def test_no_rows_give_no_rows(server):
    answer = server.triton.infer("double", [triton_input("x", np.zeros((0, 4), np.float32))], headers=HEADERS)
    assert answer.as_numpy("y").shape == (0, 4)


# -- refusals


@pytest.mark.parametrize(
    ("model", "inputs", "outputs"),
    [
        ("double", [], []),
        ("double", [x(name="z")], []),
        ("double", [x(), x()], []),
        ("double", [x(datatype="FP64")], []),
        ("double", [x(datatype="")], []),
        ("double", [x(shape=[1, 5], data=[1] * 5)], []),
        ("double", [x(shape=[4])], []),
        ("double", [x(shape=[])], []),
        ("double", [x(shape=[-1, 4])], []),
        ("double", [x()], ["z"]),
        ("sum", [x(name="a", shape=[1], data=[1])], []),
        ("triple", [x()], []),
    ],
)
def test_bad_input_has_the_error_message_of_http(server, model, inputs, outputs):
    body = {"inputs": inputs, "outputs": [{"name": name} for name in outputs]}
    shown = server.replica.score(body, f"/v2/models/{model}/infer")
    code = {400: grpc.StatusCode.INVALID_ARGUMENT, 404: grpc.StatusCode.NOT_FOUND}[shown.status_code]
    sent = [tensor(one["name"], one["shape"], one["datatype"], data=one["data"]) for one in inputs]
    with refused(code) as caught:
        server.ask(*sent, model=model, outputs=outputs)
    assert caught.value.details() == shown.json()["error"]


@pytest.mark.parametrize(
    ("inputs", "raw", "words"),
    [
        ([tensor(data=[1, 2, 3])], [], ("3 values in fp32_contents", "needs 4")),
        ([tensor(contents="fp64_contents")], [], ("0 values in fp32_contents",)),
        ([tensor(contents=None)], [], ("0 values in fp32_contents",)),
        ([tensor(contents=None)], [ROW.tobytes()[:-1]], ("raw_input_contents of size 15", "needs 16")),
        ([tensor(contents=None)], [ROW.tobytes(), b""], ("2 raw_input_contents and 1 inputs",)),
        ([tensor()], [ROW.tobytes()], ("both contents and raw_input_contents",)),
        ([tensor(shape=[2**40, 4], contents=None)], [ROW.tobytes()], ("needs",)),
        ([tensor(shape=[2**62, 4], contents=None)], [ROW.tobytes()], ("no tensor can have",)),
    ],
)
def test_mismatched_contents_are_refused_with_a_clear_message(server, inputs, raw, words):
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "input", *words):
        server.ask(*inputs, raw=raw)


@pytest.mark.parametrize(("kind", "value"), [("INT8", 128), ("INT16", -32769), ("UINT8", 256), ("UINT16", 65536)])
def test_value_outside_datatype_is_refused(server, kind, value):
    sent = [
        tensor(f"in_{name}", [1], name, place, [value if name == kind else values[0]])
        for name, (place, values) in CONTENTS.items()
    ]
    with refused(grpc.StatusCode.INVALID_ARGUMENT, f"in_{kind}", "does not fit"):
        server.ask(*sent, model="typed")


def test_bytes_that_are_not_utf8_are_refused(server):
    others = [
        tensor(f"in_{name}", [1], name, place, values[:1])
        for name, (place, values) in CONTENTS.items()
        if name != "BYTES"
    ]
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "not UTF-8"):
        server.ask(*others, tensor("in_BYTES", [1], "BYTES", "bytes_contents", [b"\xff"]), model="typed")


def test_shared_memory_is_refused(server):
    sent = tensor(contents=None)
    sent.parameters["shared_memory_region"].string_param = "mine"
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "no shared_memory_region"):
        server.ask(sent)
