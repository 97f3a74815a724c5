"""Models whose inputs or outputs no request or response can carry: the model, the name and the reason."""

import pytest
from onnx import TensorProto, helper

from scoring.contract import BundledModel
from scoring.core.errors import StartFailure
from scoring.onnx.model import OnnxModel
from tests.scoring.conftest import save

FLOATS = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
SEQUENCE = helper.make_tensor_sequence_value_info("parts", TensorProto.FLOAT, None)


def cast(kind, *, back=False):
    """A model that gives a type, or takes it where it is turned around."""

    def make(path):
        narrow = helper.make_tensor_value_info("narrow", kind, ["n"])
        given, taken = (narrow, FLOATS) if back else (FLOATS, narrow)
        target = TensorProto.FLOAT if back else kind
        return save(path, [helper.make_node("Cast", [given.name], [taken.name], to=target)], [given], [taken], opset=21)

    return make


def split(path):
    return save(path, [helper.make_node("SplitToSequence", ["x"], ["parts"])], [FLOATS], [SEQUENCE])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (cast(TensorProto.BFLOAT16), "second:3: output 'narrow' is a tensor(bfloat16), a type that requests"),
        (cast(TensorProto.BFLOAT16, back=True), "second:3: input 'narrow' is a tensor(bfloat16), a type that requests"),
        (cast(TensorProto.FLOAT8E4M3FN), "second:3: output 'narrow' is a tensor(float8e4m3fn), a type that requests"),
        (split, "second:3: output 'parts' is a seq(tensor(float)), and only tensors"),
    ],
)
def test_unsupported_type_is_refused_with_model_tensor_and_reason(tmp_path, make, words):
    with pytest.raises(StartFailure) as raised:
        OnnxModel(BundledModel(name="second", version=3, path=""), make(tmp_path / "model.onnx"), 1)
    assert words in raised.value.failure.message
