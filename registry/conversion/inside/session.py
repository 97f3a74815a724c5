"""A graph in ONNX Runtime, on one thread, asked with the same rows as the original."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from registry.conversion.inside.comparison import Answers
from registry.conversion.inside.rows import Rows

DTYPES: dict[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
} | {f"tensor({sign}int{bits})": np.dtype(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)}


class Session:
    """`names` are what its outputs are called in answers, in their order; left out, their own."""

    def __init__(self, path: Path, names: Sequence[str] | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs = self._session.get_inputs()
        self.outputs = [one.name for one in self._session.get_outputs()]
        self._names = list(names) if names else self.outputs

    def ask(self, rows: Rows) -> Answers:
        return self.read(self.run(self.feed(rows)))

    def feed(self, rows: Rows) -> Rows:
        """The rows in the types of the graph's inputs."""
        return {one.name: _cast(rows[one.name], one.type) for one in self.inputs if one.name in rows}

    def run(self, feed: Rows) -> list[Any]:
        """As a service would: all outputs."""
        return self._session.run(self.outputs, feed)  # type: ignore[no-any-return]

    def read(self, results: list[Any]) -> Answers:
        return {name: as_array(result) for name, result in zip(self._names, results, strict=True) if name}


def _cast(array: NDArray[Any], kind: str) -> NDArray[Any]:
    wanted = DTYPES[kind]
    if wanted is np.object_:
        return np.vectorize(_text, otypes=[object])(array) if array.size else array.astype(object)
    return np.ascontiguousarray(array.astype(wanted))


def _text(value: Any) -> str:
    return "nan" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value)


def as_array(result: Any) -> NDArray[Any]:
    """An answer as an array: a list of maps becomes a matrix in the order of its keys, other lists an array."""
    if isinstance(result, np.ndarray):
        return result
    if isinstance(result, list) and result and isinstance(result[0], dict):
        return np.array([[row[key] for key in result[0]] for row in result])
    return np.asarray(result)
