"""Request formats of the benchmark, and how it judges a response."""

import json

import numpy as np
import pytest

from bench.forms import HEADER_LENGTH, V2, V2_BINARY, named
from bench.peers.raw import layouts
from bench.questions import Question

INPUTS = {"x": np.array([[0.1, 2.5]], np.float32), "ids": np.array([7, 8], np.int64)}


def test_floats_are_written_in_their_shortest_form():
    body = V2.write(INPUTS).content
    assert json.loads(body)["inputs"][0] == {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [0.1, 2.5]}


@pytest.mark.parametrize("form", [V2, V2_BINARY], ids=["json", "binary"])
def test_written_request_is_read_back_unchanged(form):
    body = form.write(INPUTS)
    # An answer is built as a question is, but for the name of its list.
    content = body.content.replace(b'{"inputs"', b'{"outputs"', 1)
    headers = dict(body.headers)
    if HEADER_LENGTH in headers:
        headers[HEADER_LENGTH] = str(int(headers[HEADER_LENGTH]) + 1)
    read = form.read(content, headers)
    assert all((read[name] == value).all() and read[name].dtype == value.dtype for name, value in INPUTS.items())


def test_named_arrays_are_wrapped_for_peers_that_need_it():
    form = named("inputs", "predictions")
    assert json.loads(form.write({"x": INPUTS["ids"]}).content) == {"inputs": {"x": [7, 8]}}
    assert form.read(b'{"predictions": {"y": [1, 2]}}', {})["y"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ({"y": [[1.0, 2.00001]]}, True),
        ({"y": [[1.0, 2.1]]}, False),
        ({"y": [1.0, 2.0]}, False),
        ({"z": [[1.0, 2.0]]}, False),
        ({"y": [[1.0, float("nan")]]}, False),
    ],
)
def test_response_is_right_if_names_shapes_and_values_are(tmp_path, answer, right):
    question = Question("any", tmp_path, INPUTS, {"y": np.array([[1.0, 2.0]], np.float32)})
    assert question.is_right({name: np.array(value) for name, value in answer.items()}) is right


def test_limit_is_measured_with_at_most_one_caller_per_connection():
    assert layouts(1, 2) == [(1, 1), (1, 2)]
    assert layouts(16, 2) == [(1, 1), (1, 2), (2, 1)]
