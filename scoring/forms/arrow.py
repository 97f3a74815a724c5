"""Apache Arrow's stream format, `application/vnd.apache.arrow.stream`: columns in, columns out.

Needs pyarrow. Columns are matched to inputs as those of any table; a column of lists has more dimensions.
"""

import io
import struct
from typing import Any

import numpy as np

from scoring.core.answer import Answer
from scoring.core.errors import ScoringError, bad_input
from scoring.core.model import Model
from scoring.core.request import Request
from scoring.core.tensors import Array, Tensor
from scoring.forms import Inputs
from scoring.forms.arrays import as_array
from scoring.forms.arrow_sizes import ByteBudget, decompressed_size, is_any, size_in_place
from scoring.forms.outputs import output_writers
from scoring.forms.tables import feed_of_table

CONTENT_TYPE = b"application/vnd.apache.arrow.stream"
MAX_BYTES = 2**28  # that a small body may grow to


class Arrow:
    """A table with a column for each input, or with all columns of the only one."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._outputs = output_writers(model)

    def decode(self, request: Request) -> Inputs:
        feed = feed_of_table(ArrowTable(request.body), self._model.inputs, self._model.columns)
        return Inputs(self._model.output_names, feed)

    def encode(self, inputs: Inputs, results: list[Any]) -> bytes | Answer:
        pa = _arrow()
        named = zip(inputs.output_names, results, strict=True)
        arrays = [as_array(self._outputs[name], result) for name, result in named]
        if len({array.shape[:1] for array in arrays}) != 1 or not arrays[0].ndim:
            raise bad_input("the outputs do not have the same number of rows, as an Arrow table needs: ask in JSON")
        table = pa.table([_column(pa, array) for array in arrays], names=list(inputs.output_names))
        file = io.BytesIO()
        with pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
        return Answer(file.getvalue(), CONTENT_TYPE)


class ArrowTable:
    """A table that was sent as a stream."""

    is_named = True

    def __init__(self, body: bytes) -> None:
        pa = _arrow()
        limit = max(MAX_BYTES, len(body))
        self._budget = ByteBudget(limit)
        try:
            ByteBudget(limit).spend(decompressed_size(pa, body))
            with pa.ipc.open_stream(body) as reader:
                self._table = reader.read_all()
            self._table.validate(full=True)  # offsets in a body may point anywhere
        except (pa.ArrowException, OSError, ValueError, struct.error) as error:
            raise bad_input(f"the body is no Arrow stream: {error}") from error
        self.columns = self._table.column_names
        if not self._table.num_rows:
            raise bad_input("the table has no rows")

    def column(self, number: int, tensor: Tensor) -> Array:
        pa = _arrow()
        chunks = self._table.column(number)
        try:
            column = pa.concat_arrays(chunks.chunks)
            values = _values(pa, column, self._budget)
            if tensor.datatype[:2] != "FP":
                _refuse_gaps(pa, column)
            return values
        except (pa.ArrowException, ValueError) as error:
            raise bad_input(f"column {self.columns[number]!r} ({chunks.type}) cannot be read: {error}") from error


def _values(pa: Any, column: Any, budget: ByteBudget) -> Array:
    kinds = pa.types
    if is_any(column.type, kinds.is_list, kinds.is_large_list, kinds.is_fixed_size_list):
        inner = _values(pa, column.flatten(), budget)
        return inner.reshape(len(column), _length_of_lists(pa, column), *inner.shape[1:])
    budget.spend(size_in_place(kinds, column))
    if kinds.is_null(column.type):  # all values are missing, and their type with them
        return np.full(len(column), np.nan)
    plain = column.dictionary_decode() if kinds.is_dictionary(column.type) else column
    values: Array = plain.to_numpy(zero_copy_only=False)
    return values


def _refuse_gaps(pa: Any, column: Any) -> None:
    """ValueError where a value is missing: whole numbers would become floating-point ones for it, and texts None."""
    leaves = column
    while is_any(leaves.type, pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list):
        leaves = leaves.flatten()
    plain = leaves.dictionary_decode() if pa.types.is_dictionary(leaves.type) else leaves
    if plain.null_count:
        place = plain.is_null().to_numpy(zero_copy_only=False).argmax()
        raise ValueError(f"a value is missing in row {place * len(column) // len(plain)}")


def _length_of_lists(pa: Any, column: Any) -> int:
    fixed = pa.types.is_fixed_size_list(column.type)
    lengths = [column.type.list_size] if fixed else column.value_lengths().unique().to_pylist()
    if column.null_count or len(lengths) != 1:
        raise ValueError("its lists differ in length, or one is missing")
    return int(lengths[0])


def _column(pa: Any, array: Array) -> Any:
    if array.ndim == 1:
        return pa.array(array)
    if array.shape[1:] == (1,):
        return pa.array(array[:, 0])
    flat: Any = pa.array(np.ascontiguousarray(array).reshape(-1))
    for size in reversed(array.shape[1:]):
        flat = pa.FixedSizeListArray.from_arrays(flat, size)
    return flat


def _arrow() -> Any:
    try:
        import pyarrow
    except ImportError as error:
        message = "Arrow streams need pyarrow: add pyarrow to the environment of the service"
        raise ScoringError(415, "unsupported_type", message) from error
    return pyarrow
