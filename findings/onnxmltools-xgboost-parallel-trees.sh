#!/usr/bin/env bash
# onnxmltools 1.16.0, xgboost-cpu 3.2.0, onnx 1.23.2, onnxruntime 1.31.1, skl2onnx 1.20.0 (Linux x86_64)
#
# One would guess: a converted XGBoost classifier predicts like the original, or the conversion fails.
# What happens: with num_parallel_tree > 1 (boosted forests) the conversion succeeds without a warning, and the file passes the
#   full check of onnx.checker. With two parallel trees it loads, and probabilities are wrong by tenths. With four and two
#   classes the runtime rejects it ("base_values should have 0, 1, or 2 values"). Regressors with parallel trees agree with
#   the original, and so does everything with one tree.
# Whom it hurts: anyone who registers converted models without comparing predictions with the original on real rows.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check onnxmltools==1.16.0 xgboost-cpu==3.2.0 scikit-learn==1.9.1 \
    onnx==1.23.2 onnxruntime==1.31.1 skl2onnx==1.20.0 numpy==2.4.6 "protobuf<7" setuptools
ORT_DISABLE_TELEMETRY=1 "$work/venv/bin/python" -W ignore - <<'PY'
import numpy as np
import onnx
import onnxruntime
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from xgboost import XGBClassifier, XGBRegressor

chance = np.random.default_rng(0)
x = chance.standard_normal((200, 4)).astype(np.float32)
two, three = (x[:, 0] > 0).astype(int), (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)


def furthest(model):
    """The largest difference between an answer of the file and one of the model."""
    made = convert_xgboost(model, initial_types=[("x", FloatTensorType([None, 4]))])
    onnx.checker.check_model(made, full_check=True)
    try:
        session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    except Exception as error:
        assert "base_values should have" in str(error), error
        return np.inf  # does not load
    own = model.predict_proba(x) if isinstance(model, XGBClassifier) else model.predict(x)
    return float(np.abs(np.squeeze(session.run(None, {"x": x})[-1]) - own).max())


for parallel in (1, 2, 4):
    binary = furthest(XGBClassifier(n_estimators=3, num_parallel_tree=parallel).fit(x, two))
    classes = furthest(XGBClassifier(n_estimators=3, num_parallel_tree=parallel).fit(x, three))
    number = furthest(XGBRegressor(n_estimators=3, num_parallel_tree=parallel).fit(x, x[:, 0]))
    print(f"num_parallel_tree={parallel}: off by {binary:.2g} (two classes), {classes:.2g} (three), {number:.2g} (regression)")
    assert number < 1e-5
    if parallel == 1:
        assert binary < 1e-5 and classes < 1e-5
    else:
        assert classes > 0.05 and (binary == np.inf if parallel == 4 else 0.05 < binary < 1)
PY
echo "as described"
