#!/usr/bin/env bash
# onnxruntime 1.31.1, onnx 1.23.2, numpy 2.4.6 (Linux x86_64)
#
# One would guess: in a feed-forward network the rows of a batch do not influence each other, quantized or not.
# What happens: quantize_dynamic inserts DynamicQuantizeLinear before each matrix product, which computes one scale for the
#   whole tensor. A row's result then depends on the other rows of its batch: next to rows a hundred times as large its own
#   values collapse into a handful of steps, and even the predicted class changes. Comparing synthetic rows of one magnitude
#   does not reveal it.
# Whom it hurts: every server that batches requests of different clients: one client's input silently changes the result of
#   another.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6
cd "$work"
ORT_DISABLE_TELEMETRY=1 "$work/venv/bin/python" - <<'PY' 2>"$work/errors" || { cat "$work/errors"; exit 1; }
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

chance = np.random.default_rng(3)
weights = [(chance.standard_normal(shape) * 0.5).astype(np.float32) for shape in ((8, 16), (16, 2))]
value = lambda name, width: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])
nodes = [
    helper.make_node("MatMul", ["x", "a"], ["h"]),
    helper.make_node("Tanh", ["h"], ["t"]),
    helper.make_node("MatMul", ["t", "b"], ["s"]),
    helper.make_node("Softmax", ["s"], ["y"], axis=-1),
]
constants = [numpy_helper.from_array(array, name) for name, array in zip("ab", weights)]
graph = helper.make_graph(nodes, "g", [value("x", 8)], [value("y", 2)], constants)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), "float.onnx")
quantize_dynamic("float.onnx", "int8.onnx", weight_type=QuantType.QInt8)


def furthest(file, magnitude):
    """The largest change of a probability, and how many of 64 rows get another class, beside rows of `magnitude`."""
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    rows, others = (chance.standard_normal((64, 8)).astype(np.float32) for _ in range(2))
    moved, flipped = 0.0, 0
    for row, other in zip(rows, others):
        (alone,) = session.run(None, {"x": row[None]})
        (beside,) = session.run(None, {"x": np.stack([row, other * magnitude])})
        moved = max(moved, float(np.abs(alone[0] - beside[0]).max()))
        flipped += int(alone[0].argmax() != beside[0].argmax())
    return moved, flipped


for file in ("float.onnx", "int8.onnx"):
    for magnitude in (1, 100):
        moved, flipped = furthest(file, np.float32(magnitude))
        print(f"{file}, beside rows of magnitude {magnitude}: probabilities move by {moved:.3f}, {flipped} of 64 classes flip")
        if file == "float.onnx":
            assert moved < 1e-5 and not flipped
        elif magnitude == 100:
            assert moved > 0.1 and flipped > 0
PY
echo "as described"
