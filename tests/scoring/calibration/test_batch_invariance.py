"""Rows share a run only where no other rows can change their results."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.models import MODELS
from scoring.calibration.batch_invariance import is_batch_invariant
from scoring.calibration.batch_size import calibrate
from scoring.calibration.synthetic_inputs import synthetic_rows
from scoring.contract import Batching
from scoring.onnx.batch_dependence import batch_dependent_operator
from tests.scoring.batches import heavy_model, load

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
RANDOM = np.random.default_rng(5)
CONSTANTS = {
    "none": np.array([], np.int64),
    "first": np.array([0], np.int64),
    "second": np.array([1], np.int64),
    "zeroth": np.array(0, np.int64),
    "two": np.array([2], np.int64),
    "second_last": np.array([-2], np.int64),
    "first_two": np.array([0, 1], np.int64),
    "end": np.array([2**31], np.int64),
    "one": np.array(1, np.float32),
    "levels": np.array(127, np.float32),
    "million": np.array(1e6, np.float32),
    "weights": RANDOM.standard_normal((4, 4)).astype(np.float32),
    "whole_weights": RANDOM.integers(-100, 100, (4, 4)).astype(np.int8),
    "table": RANDOM.standard_normal((128, 4)).astype(np.float32),
    "ones": np.ones(4, np.float32),
    "noughts": np.zeros(4, np.float32),
    "yes": np.array(True),
    "four": np.array([4], np.int64),
}
node = helper.make_node


def model_of(path, nodes, *, x=("rows", 4), y=("rows", 4), kind=FLOAT, out=FLOAT, functions=()):
    """A model from x to y whose constants are those above, as initializers or as Constant nodes."""
    used = {name for one in nodes for name in names_in(one)}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, x)],
        [helper.make_tensor_value_info("y", out, y)],
        [numpy_helper.from_array(value, name) for name, value in CONSTANTS.items() if name in used],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9, functions=functions), str(path))
    return path


def names_in(one):
    yield from one.input
    for attribute in one.attribute:
        for inner in attribute.g.node:
            yield from names_in(inner)


QUANTIZED = [
    node("DynamicQuantizeLinear", ["x"], ["whole", "scale", "zero"]),
    node("MatMulInteger", ["whole", "whole_weights", "zero"], ["product"]),
    node("Cast", ["product"], ["numbers"], to=FLOAT),
    node("Mul", ["numbers", "scale"], ["y"]),
]
# The same from plain operators: no scale of its own for a row.
BY_HAND = [
    node("Abs", ["x"], ["size"]),
    node("ReduceMax", ["size"], ["largest"], keepdims=0),
    node("Div", ["largest", "levels"], ["scale"]),
    node("Div", ["x", "scale"], ["scaled"]),
    node("Round", ["scaled"], ["whole"]),
    node("Mul", ["whole", "scale"], ["y"]),
]
# Every row as it is, unless one of all is beyond a million.
RARELY = [
    node("ReduceMax", ["x"], ["largest"], keepdims=0),
    node("Greater", ["largest", "million"], ["beyond"]),
    node("Where", ["beyond", "one", "x"], ["y"]),
]


def rarely(*nodes):
    """Every row as it is, unless what these nodes make of all rows, `m`, is beyond a million."""
    return [*nodes, node("Greater", ["m", "million"], ["beyond"]), node("Where", ["beyond", "one", "x"], ["y"])]


def inside(nodes, result, outer=()):
    """An If whose branches both hold these nodes."""
    branch = helper.make_graph(nodes, "inner", [], [helper.make_tensor_value_info(result, FLOAT, None)])
    return [*outer, node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch)]


def renamed(nodes, old, new):
    copies = []
    for one in nodes:
        copy = onnx.NodeProto.FromString(one.SerializeToString())
        copy.output[:] = [new if name == old else name for name in copy.output]
        copies.append(copy)
    return copies


DEPENDENT = {
    "dynamic quantization": QUANTIZED,
    "dynamic quantization in a branch": inside(renamed(QUANTIZED, "y", "z"), "z"),
    "quantization of plain operators": BY_HAND,
    "what depends on the largest row, rarely": RARELY,
    "what depends on the largest row, rarely, in a branch": inside(renamed(RARELY, "y", "z"), "z"),
    "sum": [node("ReduceSum", ["x"], ["sum"]), node("Add", ["x", "sum"], ["y"])],
    "mean of the rows": [node("ReduceMean", ["x", "first"], ["mean"]), node("Sub", ["x", "mean"], ["y"])],
    "largest of the rows, named -2": [
        node("Constant", [], ["axes"], value_ints=[-2]),
        node("ReduceMax", ["x", "axes"], ["m"]),
        node("Sub", ["x", "m"], ["y"]),
    ],
    "least of the rows, named by a constant": [
        node("Constant", [], ["axes"], value=numpy_helper.from_array(np.array([0], np.int64))),
        node("ReduceMin", ["x", "axes"], ["m"]),
        node("Sub", ["x", "m"], ["y"]),
    ],
    "largest of the rows, named -2, rarely": rarely(node("ReduceMax", ["x", "second_last"], ["m"])),
    "largest of the rows, turned into columns, rarely": rarely(
        node("Transpose", ["x"], ["columns"]),
        node("ReduceMax", ["columns", "second"], ["largest"]),
        node("Transpose", ["largest"], ["m"]),
    ),
    "a window over the rows, rarely": rarely(
        node("Unsqueeze", ["x", "first_two"], ["image"]),
        node("MaxPool", ["image"], ["window"], kernel_shape=[3, 1], pads=[1, 0, 1, 0]),
        node("Squeeze", ["window", "first_two"], ["m"]),
    ),
    "the rows in another order, rarely": rarely(
        node("Slice", ["x", "second", "end", "first"], ["rest"]),
        node("Slice", ["x", "first", "second", "first"], ["head"]),
        node("Concat", ["rest", "head"], ["m"], axis=0),
    ),
    "softmax": [node("Softmax", ["x"], ["y"], axis=0)],
    "log-softmax": [node("LogSoftmax", ["x"], ["y"], axis=-2)],
    "running sum": [node("CumSum", ["x", "zeroth"], ["y"])],
    "the best row": [node("ArgMax", ["x"], ["at"], axis=0), node("Cast", ["at"], ["n"], to=FLOAT),
                     node("Add", ["x", "n"], ["y"])],
    "sorting": [node("Shape", ["x"], ["shape"]), node("Gather", ["shape", "first"], ["rows"]),
                node("TopK", ["x", "rows"], ["y", "at"], axis=0)],
    "normalization": [node("LayerNormalization", ["x", "one"], ["y"], axis=0)],
    "mean and variance": [node("MeanVarianceNormalization", ["x"], ["y"], axes=[0])],
    "products of rows with each other": [node("Gemm", ["x", "x"], ["gram"], transA=1),
                                         node("MatMul", ["x", "gram"], ["y"])],
    "the first row for all": [node("Gather", ["x", "first"], ["head"], axis=0), node("Add", ["x", "head"], ["y"])],
    "running sum of columns": [node("Transpose", ["x"], ["columns"]), node("CumSum", ["columns", "along"], ["sums"]),
                                   node("Transpose", ["sums"], ["y"])],
    "chance": [node("RandomNormalLike", ["x"], ["noise"]), node("Add", ["x", "noise"], ["y"])],
    "coins": [node("Sigmoid", ["x"], ["p"]), node("Bernoulli", ["p"], ["y"])],
}  # fmt: skip
CONSTANTS["along"] = np.array(1, np.int64)


@pytest.mark.parametrize("dependent", DEPENDENT)
def test_models_with_batch_dependent_rows_are_not_batched(tmp_path, capfd, dependent):
    model = load(model_of(tmp_path / "m.onnx", DEPENDENT[dependent]))

    assert calibrate(model, Batching()) is None
    assert calibrate(model, Batching(rows=8)) is None
    assert " W [" in (warned := capfd.readouterr().err)
    assert "rows share no run, since they may change each other's answers" in warned
    assert "batching.rows is left aside" in warned


def test_dynamic_quantization_in_a_function_is_found(tmp_path):
    body = [node("Cast", ["whole_in"], ["whole_weights"], to=TensorProto.INT8), *QUANTIZED]
    opsets = [helper.make_opsetid("", 18)]
    function = helper.make_function("own", "Quantized", ["x", "whole_in"], ["y"], body, opsets)
    path = model_of(tmp_path / "m.onnx", [node("Quantized", ["x", "weights"], ["y"], domain="own")],
                    functions=[function])  # fmt: skip
    assert calibrate(load(path), Batching(rows=8)) is None
    assert batch_dependent_operator(path) == "DynamicQuantizeLinear"


def test_scale_over_the_batch_is_found_behind_an_embedding(tmp_path):
    nodes = [node("Gather", ["table", "x"], ["words"]), node("ReduceSum", ["words", "second"], ["x1"], keepdims=0)]
    by_hand = [onnx.NodeProto.FromString(one.SerializeToString()) for one in BY_HAND]
    for one in by_hand:
        one.input[:] = ["x1" if name == "x" else name for name in one.input]
    model = load(model_of(tmp_path / "m.onnx", [*nodes, *by_hand], x=("rows", 3), kind=INT64))

    assert not is_batch_invariant(model, synthetic_rows(model, 3))
    assert calibrate(model, Batching()) is None


def test_models_that_drop_rows_are_not_batched(tmp_path):
    nodes = [node("Greater", ["x", "one"], ["large"]), node("Compress", ["x", "large"], ["y"], axis=0)]
    path = model_of(tmp_path / "m.onnx", nodes, x=("rows",), y=("kept",))
    assert calibrate(load(path), Batching(rows=8)) is None


INDEPENDENT = {
    "static quantization": [
        node("QuantizeLinear", ["x", "one"], ["whole"]),
        node("DequantizeLinear", ["whole", "one"], ["y"]),
    ],
    "a sum of each row": [node("ReduceSum", ["x", "second"], ["sum"]), node("Add", ["x", "sum"], ["y"])],
    "the length, from the shape": [
        node("Shape", ["x"], ["shape"]),
        node("Slice", ["shape", "second", "two"], ["length"]),
        node("ReduceProd", ["length"], ["product"], keepdims=0),
        node("Cast", ["product"], ["n"], to=FLOAT),
        node("Div", ["x", "n"], ["y"]),
    ],
    "places counted by NonZero": [
        node("ConstantOfShape", ["four"], ["filled"], value=helper.make_tensor("v", INT64, [1], [1])),
        node("NonZero", ["filled"], ["places"]),
        node("Cast", ["places"], ["numbers"], to=FLOAT),
        node("Add", ["x", "numbers"], ["y"]),
    ],
    "the weights' own norm": [
        node("ReduceL2", ["weights"], ["norm"], keepdims=0),
        node("Div", ["weights", "norm"], ["unit"]),
        node("MatMul", ["x", "unit"], ["y"]),
    ],
}


@pytest.mark.parametrize("independent", INDEPENDENT)
def test_models_with_independent_rows_are_batched(tmp_path, independent):
    model = load(model_of(tmp_path / "m.onnx", INDEPENDENT[independent]))
    batcher = calibrate(model, Batching(rows=8))
    assert batcher is not None
    assert batcher.most_rows == 8


@pytest.mark.parametrize("name", ["tiny", "tabular", "cnn", "transformer"])
def test_common_models_are_batch_invariant(tmp_path, name):
    MODELS[name](tmp_path / "m.onnx")
    model = load(tmp_path / "m.onnx")
    assert model.batch_dependence() == ""
    assert is_batch_invariant(model, synthetic_rows(model, 3))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, FLOAT, TensorProto.DOUBLE])
def test_floats_of_every_size_are_tried_within_their_limits(tmp_path, kind):
    model = load(model_of(tmp_path / "m.onnx", [node("Neg", ["x"], ["y"])], kind=kind, out=kind))
    assert calibrate(model, Batching(rows=8)) is not None


def test_model_is_batch_invariant_on_a_row_of_zeros(tmp_path):
    model = load(heavy_model(tmp_path / "m.onnx"))
    assert is_batch_invariant(model, synthetic_rows(model, 3))


MEANS = [node("ReduceMean", ["x", "second"], ["mean"]), node("Sub", ["x", "mean"], ["y"])]


@pytest.mark.parametrize(("nodes", "shares"), [(MEANS, False), ([node("Neg", ["x"], ["y"])], True)])
def test_padding_is_off_where_it_changes_rows(tmp_path, capfd, nodes, shares):
    shape = ("rows", "tokens")
    model = load(model_of(tmp_path / "m.onnx", nodes, x=shape, y=shape))

    batcher = calibrate(model, Batching(rows=8, pad={"x": 0}))

    assert batcher.most_rows == 8
    assert batcher.pads == shares
    assert ("batching.pad would change their answers" in capfd.readouterr().err) != shares


def test_batching_option_of_a_model_of_fixed_rows_is_logged_as_ignored(tmp_path, capfd):
    model = load(model_of(tmp_path / "m.onnx", [node("Neg", ["x"], ["y"])], x=(1, 4), y=(1, 4)))
    assert calibrate(model, Batching(rows=8)) is None
    assert "batching.rows is left aside" in capfd.readouterr().err


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, b"\x3a\x7f"])
def test_unreadable_graph_counts_as_batch_dependent(tmp_path, content):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    assert batch_dependent_operator(path) == "an operator that cannot be read"
