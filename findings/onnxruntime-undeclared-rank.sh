#!/usr/bin/env bash
# onnxruntime 1.31.1, onnx 1.23.2, numpy 2.4.6 (Linux x86_64)
#
# One would guess: NodeArg.shape distinguishes an input without a declared shape from a declared scalar, say as None and [],
#   and a declared scalar accepts scalars only.
# What happens: both are reported as []. The session accepts a tensor of two numbers for either, a declared scalar included.
# Whom it hurts: servers and clients that derive schemas from the session: an input of any shape is described as a scalar and
#   arrays for it are rejected, or arrays are passed to a model that was declared for scalars.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6
ORT_DISABLE_TELEMETRY=1 "$work/venv/bin/python" - <<'PY'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

for declared in (None, []):
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, declared)
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", [value("x")], [value("y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    told = session.get_inputs()[0].shape
    (given,) = session.run(None, {"x": np.array([1, 2], np.float32)})
    print(f"declared {declared}: NodeArg.shape {told}, takes [1, 2] and gives {given.tolist()}")
    assert told == [] and given.tolist() == [-1, -2]
PY
echo "as described"
