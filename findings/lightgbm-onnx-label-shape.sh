#!/usr/bin/env bash
# onnxmltools 1.16.0, lightgbm 4.7.0, onnx 1.23.2, onnxruntime 1.31.1, skl2onnx 1.20.0 (Linux x86_64)
#
# One would guess: the output shapes that a converted file declares are those of its results, in particular after
#   onnx.checker has inferred shapes and found no contradiction.
# What happens: a classifier's label is declared with the shape [1] although the input has a dynamic first dimension; the
#   model returns one label per row. The runtime's result is correct, and it only logs a warning.
# Whom it hurts: schemas, generated clients, preallocated buffers and request batching that rely on declared shapes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check onnxmltools==1.16.0 lightgbm==4.7.0 scikit-learn==1.9.1 \
    onnx==1.23.2 onnxruntime==1.31.1 skl2onnx==1.20.0 numpy==2.4.6 "protobuf<7" setuptools
ORT_DISABLE_TELEMETRY=1 "$work/venv/bin/python" -W ignore - <<'PY'
import numpy as np
import onnx
import onnxruntime
from lightgbm import LGBMClassifier
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

chance = np.random.default_rng(0)
x = chance.standard_normal((200, 4)).astype(np.float32)
model = LGBMClassifier(n_estimators=5, verbose=-1).fit(x, (x[:, 0] > 0).astype(int))
made = convert_lightgbm(model, initial_types=[("x", FloatTensorType([None, 4]))], zipmap=False)
onnx.checker.check_model(made, full_check=True)
session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
declared, given = session.get_outputs()[0].shape, session.run(None, {"x": x[:7]})[0].shape
print(f"label declared {declared}, given {given} for 7 rows")
assert declared == [1] and given == (7,)
PY
echo "as described"
