"""Tables of named columns, as data frames and CSV files are, turned into a model's inputs."""

import csv
import io
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec
import numpy as np

from scoring.encodings import text_of
from scoring.errors import ScoringError, bad_input
from scoring.forms.arrays import taken
from scoring.tensors import Array, Tensor

BOOLS = {"true": True, "1": True, "false": False, "0": False}


class Table(Protocol):
    """Columns with names; each is read as the input wants it that it goes into."""

    @property
    def columns(self) -> Sequence[str]: ...

    def column(self, number: int, tensor: Tensor) -> Array:
        """The values of a column, its rows in the first dimension."""


def feed_of_table(table: Table, inputs: dict[str, Tensor]) -> dict[str, Array]:
    """Columns go by name into a model with an input for each; else all together, in order, into its lone input."""
    places = {name: number for number, name in enumerate(table.columns)}
    if len(places) != len(table.columns):
        raise bad_input(f"a column is given twice; the columns are {', '.join(table.columns)}")
    missing = [name for name in inputs if name not in places]
    if not missing and (len(inputs) > 1 or len(places) == 1):
        feed = {name: _upright(table.column(places[name], tensor), tensor) for name, tensor in inputs.items()}
    elif len(inputs) == 1:
        feed = {name: matrix(table, tensor) for name, tensor in inputs.items()}
    else:
        raise bad_input(f"columns are missing: {', '.join(missing)}; given: {', '.join(places) or 'none'}")
    return {name: taken(inputs[name], array) for name, array in feed.items()}


def matrix(table: Table, tensor: Tensor) -> Array:
    """All columns side by side."""
    columns = [table.column(number, tensor) for number in range(len(table.columns))]
    if len({column.shape for column in columns}) != 1:
        raise bad_input("there are no columns, or some with lists and some without")
    return np.stack(columns, axis=1)


def _upright(array: Array, tensor: Tensor) -> Array:
    """Some models want a column as a matrix that is one wide."""
    wide = tensor.shape is not None and len(tensor.shape) == 2 and array.ndim == 1
    return array.reshape(-1, 1) if wide else array


class JsonTable:
    """Rows of JSON values."""

    def __init__(self, columns: Sequence[str], rows: list[list[msgspec.Raw]]) -> None:
        self.columns = columns
        self._rows = rows
        _check(columns, rows)

    def column(self, number: int, tensor: Tensor) -> Array:
        return tensor.read_as_nested(b"[%b]" % b",".join(bytes(row[number]) for row in self._rows))


class CsvTable:
    """Comma-separated text with the names in its first line; in numbers an empty cell is NaN.

    Spaces around a number or a truth value say nothing; around a text they belong to it.
    """

    def __init__(self, body: bytes, content_type: bytes = b"") -> None:
        try:
            rows = list(csv.reader(io.StringIO(text_of(body, content_type), newline=""), strict=True))
        except (csv.Error, ScoringError) as error:
            raise bad_input(f"the body is not CSV: {error}") from error
        rows = [row for row in rows if row]
        self.columns = rows[0] if rows else []
        self._rows = rows[1:]
        _check(self.columns, self._rows)

    def column(self, number: int, tensor: Tensor) -> Array:
        read = _cell_reader(tensor)
        try:
            values = [read(row[number]) for row in self._rows]
            with np.errstate(over="raise"):
                return np.array(values, tensor.dtype)
        except (ValueError, KeyError) as error:
            told = f"column {self.columns[number]!r} is read as {tensor.datatype}"
            raise bad_input(f"{told}, which this is not: {error}") from error
        except (OverflowError, FloatingPointError) as error:
            raise bad_input(f"column {self.columns[number]!r}: a value does not fit into {tensor.datatype}") from error


def _check(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    if not rows:
        raise bad_input("the table has no rows")
    for number, row in enumerate(rows):
        if len(row) != len(columns):
            raise bad_input(f"row {number} has {len(row)} values, there are {len(columns)} columns")


def _cell_reader(tensor: Tensor) -> Callable[[str], Any]:
    if tensor.datatype == "BYTES":
        return str
    if tensor.datatype == "BOOL":
        return lambda text: BOOLS[text.strip().lower()]
    if tensor.datatype.startswith("FP"):
        return lambda text: float(text) if text.strip() else math.nan
    return int
