"""TensorFlow's SavedModel and Keras' files, where TensorFlow is installed: its wheel is too large for every run."""

import numpy as np
import pytest

from scoring.core.errors import ScoringError, StartFailure
from tests.scoring.loading import ask, load

pytest.importorskip("tensorflow", reason="needs TensorFlow, which is not among the packages for tests")
keras = pytest.importorskip("keras", reason="needs Keras")
ROWS = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


@pytest.fixture
def net():
    taken = keras.Input((4,), name="x")
    return keras.Model(taken, keras.layers.Dense(2, activation="softmax")(taken))


def test_saved_model_answers_as_the_model_it_was_made_of(net, tmp_path):
    net.export(tmp_path / "net")
    model = load(tmp_path, "net/saved_model.pb", "saved-model", "tensorflow")
    assert (model.inputs["x"].shape, model.output_names) == ((-1, 4), ("output_0",))
    assert np.allclose(ask(model, x=ROWS)["output_0"], net(ROWS))
    with pytest.raises(ScoringError, match=r"the model refuses these inputs: .*incompatible") as refused:
        ask(model, x=ROWS[:, :3])
    assert refused.value.status == 400


def test_keras_file_answers_as_the_model_it_was_made_of(net, tmp_path):
    net.save(tmp_path / "net.keras")
    assert np.allclose(ask(load(tmp_path, "net.keras", "keras", "keras"), x=ROWS)["predict"], net(ROWS))


def test_code_in_a_keras_file_is_refused(tmp_path):
    keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda rows: rows + 1)]).save(tmp_path / "net.keras")
    with pytest.raises(StartFailure, match=r"m:1 cannot be loaded by Keras .*Lambda"):
        load(tmp_path, "net.keras", "keras", "keras")


def test_damaged_saved_model_is_refused(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"xx")
    with pytest.raises(StartFailure, match="m:1 cannot be loaded by TensorFlow"):
        load(tmp_path, "saved_model.pb", "saved-model", "tensorflow")
