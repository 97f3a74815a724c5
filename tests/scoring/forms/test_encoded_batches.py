"""Responses that are encoded together equal, byte for byte, those encoded one by one."""

from math import prod

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from scoring.contract import BundledModel
from scoring.core.answer import Answer
from scoring.core.errors import ScoringError
from scoring.core.request import Request
from scoring.core.tensors import DATATYPES
from scoring.core.timings import Timings
from scoring.engine.model_handler import ModelHandler
from scoring.forms import Inputs
from scoring.forms.bodies import Bodies
from scoring.forms.data import Data
from scoring.forms.open_inference import OpenInference, ResponseOptions
from scoring.onnx.model import OnnxModel
from scoring.queue.batcher import Batcher
from scoring.queue.call import Call
from tests.scoring.conftest import KINDS, kinds_model, save, sum_model

NUMERIC = [name for name in DATATYPES if name != "BYTES"]
SHAPES = {1: ["n"], 3: ["n", "a", "b"]}


def shapes_model(path):
    """Every datatype as it came, as a vector and with three dimensions: outputs `FP32_1`, `FP32_3` and so on."""
    nodes, inputs, outputs = [], [], []
    for rank, shape in SHAPES.items():
        for name, kind in KINDS.items():
            inputs.append(helper.make_tensor_value_info(f"in_{name}_{rank}", kind, shape))
            outputs.append(helper.make_tensor_value_info(f"{name}_{rank}", kind, shape))
            nodes.append(helper.make_node("Identity", [inputs[-1].name], [outputs[-1].name]))
    return save(path, nodes, inputs, outputs)


def load(path) -> OnnxModel:
    return OnnxModel(BundledModel(name='quote"d and späced', version=7, path=""), path, 1)


@pytest.fixture(scope="module")
def form(tmp_path_factory):
    return OpenInference(load(shapes_model(tmp_path_factory.mktemp("alike") / "model.onnx")))


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    return load(kinds_model(tmp_path_factory.mktemp("kinds") / "model.onnx"))


def in_one_go(form: OpenInference, asked: list[Inputs], results: list[np.ndarray], rows: int) -> list[bytes]:
    return form.encode_batch(asked, results, rows)


def one_by_one(form: OpenInference, asked: list[Inputs], results: list[np.ndarray], rows: int) -> list:
    return [
        form.encode(one, [result[place * rows : (place + 1) * rows] for result in results])
        for place, one in enumerate(asked)
    ]


@st.composite
def shared_runs(draw):
    """Questions of so many rows each, and results of any bits at all."""
    count, rows = draw(st.integers(2, 5)), draw(st.integers(1, 3))
    names, results = [], []
    for datatype in draw(st.lists(st.sampled_from(NUMERIC), min_size=1, max_size=3)):
        rank = draw(st.sampled_from(list(SHAPES)))
        shape = (count * rows, *(draw(st.integers(1, 3)) for _ in range(rank - 1)))
        dtype = np.dtype(DATATYPES[datatype])
        size = prod(shape) * dtype.itemsize
        raw = np.frombuffer(draw(st.binary(min_size=size, max_size=size)), np.uint8)
        results.append((raw & 1 if datatype == "BOOL" else raw).view(dtype).reshape(shape))
        names.append(f"{datatype}_{rank}")
    ids = draw(st.lists(st.none() | st.text(max_size=8), min_size=count, max_size=count))
    return [Inputs(tuple(names), {}, one) for one in ids], results, rows


# --- what is written


@settings(max_examples=300, deadline=None)
@given(run=shared_runs())
def test_batch_encoding_equals_single_encoding_for_any_numbers(form, run):
    assert in_one_go(form, *run) == one_by_one(form, *run)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.parametrize("datatype", NUMERIC)
def test_batch_encoding_equals_single_encoding_at_type_limits(form, datatype, rank, rows):
    dtype = np.dtype(DATATYPES[datatype])
    if dtype.kind == "f":
        ends = [np.nan, np.inf, -np.inf, -0.0, *(np.finfo(dtype).max * sign for sign in (1, -1)), np.finfo(dtype).tiny]
    elif dtype.kind == "b":
        ends = [True, False]
    else:
        ends = [np.iinfo(dtype).min, np.iinfo(dtype).max, 0]
    result = np.resize(np.array(ends, dtype), (4 * rows, *[2] * (rank - 1)))
    asked = [Inputs((f"{datatype}_{rank}",), {}, None)] * 4

    found = in_one_go(form, asked, [result], rows)

    assert found == one_by_one(form, asked, [result], rows)
    assert [orjson.loads(one)["outputs"][0]["shape"] for one in found] == [[rows, *[2] * (rank - 1)]] * 4


def test_batch_encoding_writes_nan_and_infinity_as_null(form):
    asked = [Inputs(("FP32_1",), {}, None)] * 3
    found = in_one_go(form, asked, [np.array([np.nan, np.inf, 1.5], np.float32)], 1)
    assert [orjson.loads(one)["outputs"][0]["data"] for one in found] == [[None], [None], [1.5]]


@pytest.mark.parametrize("told", ["", "plain", 'a "quoted" \\ one', "Ümläut 漢字 😀", "\x00\n\t", '"}],["', "],["])
def test_batch_encoding_keeps_the_id_of_each_request(form, told):
    asked = [Inputs(("FP32_1",), {}, one) for one in (None, told, "other", None)]
    results = [np.arange(4, dtype=np.float32)]

    found = in_one_go(form, asked, results, 1)

    assert found == one_by_one(form, asked, results, 1)
    assert [orjson.loads(one).get("id") for one in found] == [None, told, "other", None]


def test_batch_encoding_is_right_beyond_the_cache_of_shapes(form):
    asked = [Inputs(("INT8_3",), {}, None)] * 2
    for width in range(1, 400):
        results = [np.ones((2, 1, width), np.int8)]
        assert in_one_go(form, asked, results, 1) == one_by_one(form, asked, results, 1)


def test_batch_encoding_of_non_contiguous_results_keeps_their_order(form):
    asked = [Inputs(("FP64_3",), {}, None)] * 2
    results = [np.arange(24.0).reshape(3, 2, 4).transpose(2, 0, 1)]
    assert in_one_go(form, asked, results, 2) == one_by_one(form, asked, results, 2)


# --- where it gives way


@pytest.mark.parametrize("rest", [ResponseOptions(None, frozenset()), ResponseOptions("id", frozenset({"FP32_1"}))])
def test_batch_encoding_is_skipped_for_requests_with_response_options(form, rest):
    asked = [Inputs(("FP32_1",), {}, None), Inputs(("FP32_1",), {}, rest)]
    assert in_one_go(form, asked, [np.zeros(2, np.float32)], 1) == []


def test_batch_encoding_is_skipped_for_text(form):
    asked = [Inputs(("FP32_1", "BYTES_1"), {}, None)] * 2
    texts = np.array(["a", "],["], dtype=object)
    assert in_one_go(form, asked, [np.zeros(2, np.float32), texts], 1) == []


@pytest.mark.parametrize("shape", [(0, 2, 2), (2, 0, 2)])
def test_batch_encoding_is_skipped_for_empty_results(form, shape):
    asked = [Inputs(("FP32_3",), {}, None)] * 2
    assert in_one_go(form, asked, [np.zeros(shape, np.float32)], shape[0] // 2) == []


def test_batch_encoding_is_skipped_for_another_number_of_rows(form):
    asked = [Inputs(("FP32_1",), {}, None)] * 2
    assert in_one_go(form, asked, [np.zeros(4, np.float32)], 1) == []


# --- through the batcher

VALUES = {"BOOL": [True, False], "FP16": [0.5, None], "FP32": [1.25, None], "FP64": [-0.0, 1e300], "BYTES": ["ü", '"']}


def body(rows: int, **more) -> bytes:
    inputs = [
        {"name": f"in_{name}", "shape": [rows], "datatype": name, "data": VALUES.get(name, [1, 2])[:rows]}
        for name in KINDS
    ]
    return orjson.dumps({"inputs": inputs} | more)


def question(work: ModelHandler, content: bytes) -> Call:
    request = Request(WaitingClient(), b"POST", b"/v2/models/kinds/infer", {})
    request.body = content
    return Call(work, request)


class WaitingClient:
    """In place of a connection."""

    disconnected = half_closed = False


def plainly(result: bytes | Answer) -> tuple:
    if isinstance(result, bytes):
        return (result,)
    return result.body, result.content_type, result.status, result.headers


NUMBERS = [{"name": f"out_{name}"} for name in NUMERIC]
WISHES = {
    "nothing more": [{}, {}, {}],
    "ids": [{"id": "one"}, {}, {"id": 'tw"ö'}],
    "numbers only": [{"outputs": NUMBERS}, {"outputs": NUMBERS, "id": "x"}],
    "one in binary": [{}, {"parameters": {"binary_data_output": True}}, {"id": "x"}],
    "one output in binary": [{"outputs": [{"name": "out_FP16", "parameters": {"binary_data": True}}]}, {}, {}],
    "unlike outputs": [{"outputs": NUMBERS[:1]}, {"outputs": NUMBERS[1:3]}, {"outputs": NUMBERS[:1]}],
    "the same output twice": [{"outputs": NUMBERS[:1] * 2}, {"outputs": NUMBERS[:1] * 2}],
}


@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 2, 2), (1, 2, 1), (0, 0, 0), (0, 1, 2)])
@pytest.mark.parametrize("wishes", WISHES.values(), ids=WISHES)
def test_batched_responses_equal_single_responses(kinds, wishes, sizes):
    contents = [body(size, **wish) for wish, size in zip(wishes, sizes, strict=False)]
    batcher = Batcher(kinds, 64)
    work = ModelHandler(OpenInference(kinds), kinds, batcher)

    asked = [question(work, content) for content in contents]
    together = dict(batcher.run(asked))

    alone = [work.answer(one.request, Timings()) for one in asked]
    assert [plainly(together[one]) for one in asked] == [plainly(result) for result in alone]


@pytest.fixture(scope="module")
def sums(tmp_path_factory):
    return load(sum_model(tmp_path_factory.mktemp("sums") / "model.onnx"))


lengths = st.sampled_from([0, 1, 1, 1, 2, 3])
questions = st.fixed_dictionaries(
    {"a": lengths, "b": lengths, "start": st.integers(-99, 99), "alike": st.booleans()},
    optional={
        "id": st.text(max_size=3),
        "outputs": st.sampled_from([["total"], ["difference", "total"], ["total", "difference"], ["nothing"]]),
    },
)


def sum_question(work: ModelHandler, told: dict) -> Call:
    sizes = {"a": told["a"], "b": told["a"] if told["alike"] else told["b"]}
    inputs = [
        {"name": name, "shape": [size], "datatype": "FP32", "data": [told["start"] + n for n in range(size)]}
        for name, size in sizes.items()
    ]
    more = {"outputs": [{"name": name} for name in told["outputs"]]} if "outputs" in told else {}
    more |= {"id": told["id"]} if "id" in told else {}
    return question(work, orjson.dumps({"inputs": inputs} | more))


def by_itself(work: ModelHandler, request: Request) -> tuple:
    try:
        return plainly(work.answer(request, Timings()))
    except ScoringError as error:
        return error.status, error.message


@settings(max_examples=200, deadline=None)
@given(turn=st.lists(questions, min_size=1, max_size=8), most_rows=st.integers(1, 8))
def test_any_mix_of_batched_requests_gets_its_single_responses(sums, turn, most_rows):
    batcher = Batcher(sums, most_rows)
    work = ModelHandler(OpenInference(sums), sums, batcher)
    asked = [sum_question(work, told) for told in turn]

    together = dict(batcher.run(asked))

    found = [
        (result.status, result.message) if isinstance(result, ScoringError) else plainly(result)
        for result in map(together.__getitem__, asked)
    ]
    assert found == [by_itself(work, one.request) for one in asked]


def test_batched_requests_of_different_forms_are_answered_in_their_own(tmp_path):
    model = load(numbers_model(tmp_path / "model.onnx"))
    batcher, protocol = Batcher(model, 64), OpenInference(model)
    infer = ModelHandler(protocol, model, batcher)
    score = ModelHandler(Data(model, protocol, Bodies(model, protocol)), model, batcher)
    long = {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [3]}]}
    asked = [
        question(score, b'{"data": [1]}'),
        question(infer, orjson.dumps(long)),
        question(score, orjson.dumps(long)),
        question(score, b'{"data": [5]}'),
    ]

    together = dict(batcher.run(asked))

    assert [one.rows for one in asked] == [4] * 4
    assert [together[one] for one in asked] == [one.handler.answer(one.request, Timings()) for one in asked]
    assert orjson.loads(together[asked[3]]) == {"data": [5.0]}


def numbers_model(path):
    x = helper.make_tensor_value_info("x", KINDS["FP32"], ["n"])
    y = helper.make_tensor_value_info("y", KINDS["FP32"], ["n"])
    return save(path, [helper.make_node("Identity", ["x"], ["y"])], [x], [y])
