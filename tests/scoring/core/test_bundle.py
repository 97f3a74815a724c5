"""Which file of a bundle is the model."""

import pytest

from scoring.contract import BundledModel
from scoring.core.bundle import onnx_file
from scoring.core.errors import StartFailure


@pytest.fixture
def bundle(tmp_path):
    """`bundle("a.onnx", …)` makes a bundle whose one model has these files."""

    def make(*paths):
        for path in paths:
            (tmp_path / "m" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "m" / path).touch()
        return tmp_path

    return make


def bundled(file=None):
    return BundledModel(name="net", version=1, path="m", file=file)


@pytest.mark.parametrize("taken", ["a.onnx", "deep/b.onnx", "weights.bin"])
def test_onnx_file_chosen_by_registry_is_served(bundle, taken):
    folder = bundle("a.onnx", "deep/b.onnx", "model.onnx", "weights.bin")
    assert onnx_file(folder, bundled(taken)) == folder / "m" / taken


def test_bundle_without_file_name_needs_one_obvious_file(bundle):
    folder = bundle("a.onnx")
    assert onnx_file(folder, bundled()) == folder / "m" / "a.onnx"
    bundle("b.onnx")
    with pytest.raises(StartFailure, match=r"net:1 needs exactly one ONNX file, .* found: a\.onnx, b\.onnx"):
        onnx_file(folder, bundled())
