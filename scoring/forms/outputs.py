"""How the outputs of a model are written as JSON."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import orjson

from scoring.core.model import Model, SupportsMethods
from scoring.core.tensors import Array, Tensor
from scoring.forms.json_tensors import json_ready

NUMPY = orjson.OPT_SERIALIZE_NUMPY
CACHED_OPENINGS = 256


def encode_json(response: Any) -> bytes:
    """A response as JSON; numbers that JSON lacks become null."""
    return orjson.dumps(response, option=NUMPY)


class OutputWriter:
    """Writes one output. An output of maps (class to probability) becomes a matrix and the list of its keys."""

    def __init__(self, tensor: Tensor) -> None:
        self.name, self.datatype = tensor.name, tensor.datatype
        self._maps = tensor.maps
        self._openings: dict[tuple[int, ...], bytes] = {}

    def encode(self, result: Any) -> dict[str, Any]:
        """The output as the Open Inference Protocol has it: values flat, in row-major order."""
        if not self._maps:
            return self._encode_array(result)
        keys, matrix = _matrix(result)
        return self._encode_array(matrix) | {"parameters": {"keys": keys}}

    def _encode_array(self, array: Array) -> dict[str, Any]:
        # Numbers go to the encoder as they are, contiguous; text has to become a list.
        data = json_ready(array.reshape(-1)) if self.datatype == "BYTES" else array.ravel()
        return {"name": self.name, "datatype": self.datatype, "shape": array.shape, "data": data}

    def encode_parts(self, result: Any, count: int, rows: int, before: bytes) -> tuple[Iterable[bytes], ...] | None:
        """The JSON of each of `count` parts of a result, `rows` rows each, as columns to be joined side by side.

        For [[1, 2], [3, 4]] in two parts: (`{…"shape":[1,2],"data":[` twice, (`1,2`, `3,4`), `]}` twice). None where
        parts have to be written one by one.
        """
        if self._maps or self.datatype == "BYTES" or len(result) != count * rows or not result.size:
            return None
        shape = (rows, *result.shape[1:])
        opening = self._openings.get(shape)
        if opening is None:
            facts = {"name": self.name, "datatype": self.datatype, "shape": shape}
            opening = orjson.dumps(facts)[:-1] + b',"data":['
            if len(self._openings) < CACHED_OPENINGS:
                self._openings[shape] = opening
        # A row of numbers for each part, so that no brackets stand inside.
        parts = encode_json(result.reshape(count, -1))[2:-2].split(b"],[")
        return repeat(before + opening, count), parts, repeat(b"]}", count)

    def nested(self, result: Any) -> Any:
        """The result as nested lists, or as a list of objects for maps."""
        if self._maps:
            return [{str(key): value for key, value in row.items()} for row in result]
        return json_ready(result)


def output_writers(model: Model, names: Sequence[str] = ()) -> dict[str, OutputWriter]:
    """A writer for each output of a model, or for those of these names."""
    return {name: OutputWriter(model.outputs[name]) for name in names or model.outputs}


def predicted_names(model: Model) -> Sequence[str]:
    """The outputs that forms answer which cannot name them: an estimator's `predict` where it has one, else all."""
    return (
        ("predict",) if isinstance(model, SupportsMethods) and "predict" in model.output_names else model.output_names
    )


def _matrix(rows: list[dict[Any, Any]]) -> tuple[list[Any], Array]:
    keys = list(rows[0]) if rows else []
    return keys, np.array([[row[key] for key in keys] for row in rows], dtype=np.float32).reshape(len(rows), len(keys))
