"""Shapes that no array can have, in every form: refused with a reason by a server that goes on."""

import json
from contextlib import closing

import grpc
import pytest

from scoring.core.errors import ScoringError
from scoring.core.tensors import Tensor
from scoring.forms.json_tensors import read_tensor
from tests.scoring.form_models import same_model
from tests.scoring.rpc_client import refused, started, tensor, x

WORDS = "a shape that no tensor can have"


@pytest.fixture(scope="module")
def server(shared_replica):
    with closing(started(shared_replica.with_models(matrix=same_model("float", ["n", "m"])))) as rpc:
        yield rpc


def in_json(server, shape, values=()):
    return server.replica.score({"inputs": [x(shape=shape, data=list(values))]}, "/v2/models/matrix/infer")


def in_binary(server, shape):
    told = {"name": "x", "shape": shape, "datatype": "FP32", "parameters": {"binary_data_size": 0}}
    head = json.dumps({"inputs": [told]})
    length = {"Inference-Header-Content-Length": str(len(head))}
    return server.replica.score(head, "/v2/models/matrix/infer", headers=length)


@pytest.mark.parametrize("shape", [[0, 2**63 - 1], [0, 2**62], [2**62, 0]])
def test_shape_that_no_array_can_have_is_refused(server, shape):
    for answer in (in_json(server, shape), in_binary(server, shape)):
        assert (answer.status_code, WORDS in answer.json()["error"]) == (400, True)
    with refused(grpc.StatusCode.INVALID_ARGUMENT, WORDS):
        server.ask(tensor(shape=shape, data=()), model="matrix")
    with refused(grpc.StatusCode.INVALID_ARGUMENT, WORDS):
        server.ask(tensor(shape=shape, contents=None), model="matrix", raw=[b""])
    assert in_json(server, [1, 2], [3, 4]).json()["outputs"][0]["data"] == [3, 4]


@pytest.mark.parametrize("shape", [[0, 2**20], [2**20, 0]])
def test_large_shape_without_elements_is_answered(server, shape):
    (output,) = in_json(server, shape).json()["outputs"]
    assert (output["shape"], output["data"]) == (shape, [])


def test_more_dimensions_than_numpy_holds_are_refused():
    tensor_of_any_shape = Tensor("x", "FP32", None)
    assert read_tensor(tensor_of_any_shape, b"[5]", [1] * 32).shape == (1,) * 32
    with pytest.raises(ScoringError, match=WORDS):
        read_tensor(tensor_of_any_shape, b"[5]", [1] * 65)
