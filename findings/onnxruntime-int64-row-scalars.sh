#!/usr/bin/env bash
# onnxruntime 1.31.1, numpy 2.4.6, orjson 3.13.0 (Linux x86_64)
#
# One would guess: an INT64 output of ONNX Runtime is numpy's int64, so code that can serialize the array can serialize its
#   elements.
# What happens: the array's type character is 'q' (long long), not 'l' (long). Array and dtype compare equal to int64, and
#   orjson serializes the array; but its elements are of the class numpy.longlong, a different class from numpy.int64, and
#   orjson rejects each of them. The same holds for UINT64 ('Q') and numpy.uint64.
# Whom it hurts: a server that serializes results row by row. A classifier with a label and probabilities, zipped into rows,
#   fails, while the same label as a whole column works, and tests with arrays created by numpy itself pass.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.31.1 numpy==2.4.6 orjson==3.13.0 onnx==1.23.2
ORT_DISABLE_TELEMETRY=1 "$work/venv/bin/python" - <<'PY'
import numpy as np
import onnxruntime
import orjson
from onnx import TensorProto, helper

for name, kind, own in (("INT64", TensorProto.INT64, np.int64), ("UINT64", TensorProto.UINT64, np.uint64)):
    value = lambda label: helper.make_tensor_value_info(label, kind, ["n"])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value("x")], [value("y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"x": np.array([1, 2], own)})
    scalar = result[0]
    print(f"{name}: dtype {result.dtype} char {result.dtype.char!r}, element {type(scalar).__name__}")
    assert result.dtype == own and result.dtype.char in "qQ", result.dtype.char
    assert type(scalar) is not own
    assert orjson.dumps(result, option=orjson.OPT_SERIALIZE_NUMPY) == b"[1,2]"
    assert orjson.dumps(own(1), option=orjson.OPT_SERIALIZE_NUMPY) == b"1"
    try:
        orjson.dumps(scalar, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError as error:
        print(f"  orjson: {error}")
    else:
        raise SystemExit("changed: orjson writes the element now")
PY
echo "as described"
