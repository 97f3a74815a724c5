#!/usr/bin/env bash
# onnxruntime 1.31.1 (onnxruntime.transformers.float16), onnx 1.23.2, numpy 2.4.6 (Linux x86_64)
#
# One would guess: convert_float_to_float16 makes, of a model that loads, a model that loads; what an operator cannot do in
#   half precision stays in single precision, with casts around it.
# What happens: where one value goes into two operators of the converter's block list, a Cast is added for each of them,
#   with the same node name and the same output. The result is no valid graph: a session refuses it ("two nodes with same
#   node name"), and nothing was said while it was made.
# Whom it hurts: support vector classifiers of skl2onnx, whose decisions are taken apart by several ArrayFeatureExtractor,
#   and any graph in which a value is used by two blocked operators. Keeping one Cast of each name mends it; 1.32.0 does.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6 packaging
ORT_DISABLE_TELEMETRY=1 "$work/venv/bin/python" -W ignore - <<'PY'
import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16

value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None])
graph = helper.make_graph(
    [
        helper.make_node("Neg", ["x"], ["negative"], "negate"),
        helper.make_node("ArrayFeatureExtractor", ["negative", "first"], ["a"], "take_a", domain="ai.onnx.ml"),
        helper.make_node("ArrayFeatureExtractor", ["negative", "second"], ["b"], "take_b", domain="ai.onnx.ml"),
    ],
    "two_columns",
    [value("x")],
    [value("a"), value("b")],
    [numpy_helper.from_array(np.array([column]), name) for column, name in enumerate(("first", "second"))],
)
opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
checker.check_model(model, full_check=True)
print("before:", onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": np.eye(2, dtype=np.float32)}))
half = convert_float_to_float16(model, keep_io_types=True)
names = [node.name for node in half.graph.node]
twice = sorted({name for name in names if names.count(name) > 1})
print("names that two nodes have:", twice)
assert twice == ["negative_cast_to_fp32_node"], twice
try:
    onnxruntime.InferenceSession(half.SerializeToString())
except Exception as refusal:
    print("after:", refusal)
    assert "two nodes with same node name" in str(refusal)
else:
    raise SystemExit("it loads now")
kept = {(node.name, tuple(node.output)): node for node in half.graph.node}
del half.graph.node[:]
half.graph.node.extend(kept.values())
print("mended:", onnxruntime.InferenceSession(half.SerializeToString()).run(None, {"x": np.eye(2, dtype=np.float32)}))
PY
echo "as described"
