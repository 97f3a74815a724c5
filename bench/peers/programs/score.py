"""An entry script as people write them."""

import json
import os

import numpy as np
import onnxruntime

DTYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64}


def init():
    global session, names, dtypes  # noqa: PLW0603 (so people write them)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.onnx")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    dtypes = {one.name: DTYPES[one.type] for one in session.get_inputs()}


def run(raw_data):
    data = json.loads(raw_data)
    feed = {name: np.array(values, dtype=dtypes[name]) for name, values in data.items()}
    return {name: result.tolist() for name, result in zip(names, session.run(None, feed), strict=True)}
