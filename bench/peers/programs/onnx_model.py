"""The model as every peer calls it: a session with one thread, typed inputs."""

import os
from typing import Any

import numpy as np
import onnxruntime

DTYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64}


class OnnxModel:
    def __init__(self, path: str | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        file = path or os.environ["BENCH_MODEL"]
        self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self.dtypes = {one.name: DTYPES[one.type] for one in self.session.get_inputs()}
        self.names = [output.name for output in self.session.get_outputs()]

    def array(self, name: str, values: Any) -> np.ndarray:
        return np.array(values, dtype=self.dtypes[name])

    def run(self, feed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(zip(self.names, self.session.run(None, feed), strict=True))
