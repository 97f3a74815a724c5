#!/usr/bin/env bash
# onnxruntime 1.31.1, onnx 1.23.2, numpy 2.4.6 (Linux x86_64)
#
# One would guess: an input whose file declares no shape and one declared a scalar can be told apart by NodeArg.shape,
#   say None and [], and a declared scalar takes scalars only.
# What happens: both say []. The session takes a tensor of two numbers for either, a declared scalar included.
# Whom it hurts: servers and clients that make schemas from the session: an input of any shape is described as a scalar
#   and arrays for it are refused, or arrays are let through to a model that was declared for scalars.
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
