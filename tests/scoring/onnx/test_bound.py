"""Single rows are computed in bound memory, with the same results as without it."""

import threading

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from scoring.contract import BundledModel
from scoring.core.errors import ScoringError
from scoring.onnx.model import OnnxModel
from tests.scoring.conftest import double_model, save

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def loaded(path) -> OnnxModel:
    model = OnnxModel(BundledModel(name="m", version=1, path=""), path, 1)
    model.bind()
    return model


def row(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


@pytest.fixture
def double(tmp_path):
    return loaded(double_model(tmp_path / "model.onnx"))


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def test_single_rows_in_bound_memory_get_their_own_results(double):
    assert double.is_bound
    name = next(iter(double.inputs))
    for start in range(5):
        given = row(start, start + 1, start + 2, start + 3)
        [found] = double.compute(double.output_names, {name: given})
        assert found.tolist() == (2 * given).tolist()


def test_batches_of_a_bound_model_are_computed_unbound(double):
    name = next(iter(double.inputs))
    given = np.arange(12, dtype=np.float32).reshape(3, 4)
    [alone] = double.compute(double.output_names, {name: given[:1]})
    first = alone.tolist()
    [together] = double.compute(double.output_names, {name: given})
    assert together.tolist() == (2 * given).tolist()
    assert first == together[:1].tolist()


def test_other_threads_do_not_use_the_bound_memory(double):
    name, found = next(iter(double.inputs)), []

    def compute():
        found.extend(double.compute(double.output_names, {name: row(5, 5, 5, 5)}))

    [mine] = double.compute(double.output_names, {name: row(1, 1, 1, 1)})
    other = threading.Thread(target=compute)
    other.start()
    other.join()
    assert (mine.tolist(), found[0].tolist()) == ([[2] * 4], [[10] * 4])


def test_refused_row_gets_its_reason_and_leaves_bound_memory_usable(tmp_path):
    table = numpy_helper.from_array(np.array([0.0, 10.0, 20.0], np.float32), "table")
    nodes = [helper.make_node("Gather", ["table", "pick"], ["picked"])]
    model = loaded(
        save(tmp_path / "m.onnx", nodes, [value("pick", INT64, ["n"])], [value("picked", FLOAT, ["n"])], [table])
    )
    assert model.is_bound
    for _ in range(2):
        [found] = model.compute(model.output_names, {"pick": np.array([2])})
        assert found.tolist() == [20.0]
        with pytest.raises(ScoringError, match="indices"):
            model.compute(model.output_names, {"pick": np.array([99])})


def test_outputs_of_data_dependent_shape_are_never_bound(tmp_path):
    nodes = [helper.make_node("NonZero", ["x"], ["where"])]
    model = loaded(
        save(tmp_path / "m.onnx", nodes, [value("x", FLOAT, ["n", 4])], [value("where", INT64, [2, "found"])])
    )
    assert not model.is_bound
    assert model.compute(model.output_names, {"x": row(0, 3, 0, 5)})[0].tolist() == [[0, 0], [1, 3]]


def test_model_with_wrongly_declared_output_shape_still_answers(tmp_path):
    nodes = [helper.make_node("NonZero", ["x"], ["where"])]
    model = loaded(save(tmp_path / "m.onnx", nodes, [value("x", FLOAT, ["n", 4])], [value("where", INT64, [2, 0])]))
    assert model.is_bound
    assert model.compute(model.output_names, {"x": row(0, 3, 0, 5)})[0].tolist() == [[0, 0], [1, 3]]
    assert model.compute(model.output_names, {"x": row(1, 1, 1, 1)})[0].tolist() == [[0, 0, 0, 0], [0, 1, 2, 3]]
    assert model.compute(model.output_names, {"x": row(0, 0, 0, 0)})[0].tolist() == [[], []]


def test_texts_and_free_lengths_are_never_bound(tmp_path):
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    texts = save(
        tmp_path / "t.onnx", nodes, [value("x", TensorProto.STRING, ["n"])], [value("y", TensorProto.STRING, ["n"])]
    )
    lengths = save(
        tmp_path / "l.onnx", nodes, [value("x", FLOAT, ["n", "tokens"])], [value("y", FLOAT, ["n", "tokens"])]
    )
    assert not loaded(texts).is_bound
    assert not loaded(lengths).is_bound
