"""Shapes of outputs are those that runs give, whatever a converter declares."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from scoring.calibration.batch_size import calibrate
from scoring.calibration.output_shapes import corrected, learn_shapes
from scoring.calibration.run_time import measure
from scoring.contract import Batching
from tests.scoring.batches import load
from tests.scoring.conftest import save

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def classifier(path, label=(1,), scores=("rows", 1)):
    """Labels and three scores for rows of four numbers, with the declared shapes that are told."""
    weights = np.random.default_rng(3).standard_normal(12).tolist()
    node = helper.make_node(
        "LinearClassifier", ["x"], ["label", "scores"], domain="ai.onnx.ml",
        coefficients=weights, intercepts=[0.0] * 3, classlabels_ints=[0, 1, 2], multi_class=1,
    )  # fmt: skip
    x = helper.make_tensor_value_info("x", FLOAT, [None, 4])
    told = [
        helper.make_tensor_value_info("label", INT64, label),
        helper.make_tensor_value_info("scores", FLOAT, scores),
    ]
    graph = helper.make_graph([node], "linear", [x], told)
    opsets = [helper.make_opsetid("ai.onnx.ml", 3), helper.make_opsetid("", 17)]
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))
    return path


DECLARED = [((1,), (None, 1)), ((1,), (1, 3)), ((None, 1), (None,)), (None, None), ((None,), (None, 3)), ((7,), (7, 7))]


@pytest.mark.parametrize(("label", "scores"), DECLARED)
def test_declared_shapes_are_corrected_by_runs(tmp_path, label, scores):
    model = load(classifier(tmp_path / "m.onnx", label, scores))
    learn_shapes(model, 0.001)
    assert {name: output.shape for name, output in model.outputs.items()} == {"label": (-1,), "scores": (-1, 3)}


def test_model_whose_labels_are_declared_as_one_is_batched(tmp_path):
    model = load(classifier(tmp_path / "m.onnx"))
    assert calibrate(model, Batching(rows=8)) is None
    learn_shapes(model, 0.001)
    assert calibrate(model, Batching(rows=8)).most_rows == 8


@pytest.mark.parametrize(
    ("declared", "named", "few", "more", "right"),
    [
        ((1,), [False], (2,), (3,), (-1,)),
        ((-1, 1), [False, False], (2, 2), (3, 2), (-1, 2)),
        ((-1, -1), [False, True], (2, 5), (3, 5), (-1, -1)),  # it is free, though these runs do not show it
        ((-1, -1), [False, False], (2, 5), (3, 5), (-1, 5)),
        ((2, 5), [False, False], (2, 5), (2, 5), (2, 5)),
        ((), [], (2, 32), (3, 64), (-1, -1)),
        ((), [], (), (), ()),
        ((1,), [False], (3,), (3, 1), (1,)),  # the rank itself depends on the inputs
    ],
)
def test_shape_is_inferred_from_two_runs(declared, named, few, more, right):
    assert corrected(declared, named, few, more) == right


def test_size_given_by_an_integer_input_is_free(tmp_path):
    k, best = helper.make_tensor_value_info("k", INT64, [1]), helper.make_tensor_value_info("best", FLOAT, None)
    x, at = helper.make_tensor_value_info("x", FLOAT, [4]), helper.make_tensor_value_info("at", INT64, None)
    model = load(save(tmp_path / "m.onnx", [helper.make_node("TopK", ["x", "k"], ["best", "at"])], [x, k], [best, at]))
    learn_shapes(model, 0.001)
    assert [output.shape for output in model.outputs.values()] == [(-1,), (-1,)]


def test_integer_inputs_without_rows_are_not_tried(tmp_path, monkeypatch):
    k, x = helper.make_tensor_value_info("k", INT64, []), helper.make_tensor_value_info("x", FLOAT, ["rows"])
    y = helper.make_tensor_value_info("y", FLOAT, [7])
    nodes = [helper.make_node("Cast", ["k"], ["step"], to=FLOAT), helper.make_node("Mul", ["x", "step"], ["y"])]
    model = load(save(tmp_path / "m.onnx", nodes, [x, k], [y]))
    monkeypatch.setattr(model, "compute", None)
    learn_shapes(model, 0.001)


def test_runs_on_synthetic_values_log_nothing(tmp_path, capfd):
    table = numpy_helper.from_array(np.zeros((1, 2), np.float32), "table")
    x, y = helper.make_tensor_value_info("x", INT64, ["n"]), helper.make_tensor_value_info("y", FLOAT, ["n", 2])
    model = load(save(tmp_path / "m.onnx", [helper.make_node("Gather", ["table", "x"], ["y"])], [x], [y], [table]))
    learn_shapes(model, measure(model))
    calibrate(model, Batching(rows=8))
    assert "ExecuteKernel" not in capfd.readouterr().err


def test_model_that_refuses_synthetic_rows_keeps_its_declared_shapes(tmp_path):
    x = helper.make_tensor_value_info("x", TensorProto.STRING, ["rows"])
    y = helper.make_tensor_value_info("y", FLOAT, [5])
    model = load(save(tmp_path / "m.onnx", [helper.make_node("Cast", ["x"], ["y"], to=FLOAT)], [x], [y]))
    learn_shapes(model, None)
    assert model.outputs["y"].shape == (5,)


def test_metadata_and_openapi_have_the_corrected_shapes(replica):
    replica.with_models(boosted=classifier).start()
    told = replica.client.get("/v2/models/boosted").json()["outputs"]
    assert [(one["name"], one["shape"]) for one in told] == [("label", [-1]), ("scores", [-1, 3])]

    asked = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 4], "data": [0.5] * 8}]}
    given = replica.score(asked, "/v2/models/boosted/infer").json()["outputs"]
    assert [one["shape"] for one in given] == [[2], [2, 3]]
    config = replica.client.get("/v2/models/boosted/config").json()["output"]
    assert [one["dims"] for one in config] == [[-1], [-1, 3]]


@pytest.mark.parametrize(
    ("declared", "taken"), [(None, [[], [2], [1, 2], [2, 1, 3]]), ([], [[]]), ([None, 2], [[1, 2]])]
)
def test_input_without_a_declared_shape_takes_any(replica, declared, taken):
    def negative(path):
        x, y = helper.make_tensor_value_info("x", FLOAT, declared), helper.make_tensor_value_info("y", FLOAT, declared)
        return save(path, [helper.make_node("Neg", ["x"], ["y"])], [x], [y])

    replica.with_models(negative=negative).start()
    for shape in [[], [2], [1, 2], [2, 1, 3]]:
        data = [0.5] * int(np.prod(shape))
        asked = {"inputs": [{"name": "x", "datatype": "FP32", "shape": shape, "data": data}]}
        answer = replica.score(asked, "/v2/models/negative/infer")
        assert answer.status_code == (200 if shape in taken else 400)
        if shape in taken:
            [given] = answer.json()["outputs"]
            assert (given["shape"], given["data"]) == (shape, [-0.5] * len(data))
