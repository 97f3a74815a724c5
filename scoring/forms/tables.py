"""Tables of named columns, as data frames and CSV files are, turned into a model's inputs."""

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
import numpy as np

from scoring.core.errors import ScoringError, bad_input
from scoring.core.tensors import Array, Tensor, required
from scoring.core.text_encodings import text_of
from scoring.forms.arrays import as_input
from scoring.forms.json_tensors import EXACT, read_nested

Number = TypeVar("Number", int, float)
BOOLS = {"true": True, "1": True, "false": False, "0": False}


class Table(Protocol):
    """Columns with names; each is read in the type of the input that it goes into."""

    @property
    def columns(self) -> Sequence[str]: ...

    @property
    def is_named(self) -> bool:
        """Whether the names are the client's; otherwise they only count the columns."""

    def column(self, number: int, tensor: Tensor) -> Array:
        """The values of a column, its rows in the first dimension."""


def feed_of_table(table: Table, inputs: dict[str, Tensor], known: Sequence[str] = ()) -> dict[str, Array]:
    """Inputs from columns of their names; or, for a model with one required input, from all columns as a matrix.

    The matrix has the columns in the order of the `known` ones, else in their own. A column with the name of an
    optional input replaces its default.

    Columns a, b for inputs a, b: one column each. Columns b, a, c for the only input x, with a, b known: x is [[a, b]],
    and c is left out.
    """
    places = {name: number for number, name in enumerate(table.columns)}
    if len(places) != len(table.columns):
        raise bad_input(f"a column is given twice; the columns are {', '.join(table.columns)}")
    needs = required(inputs)
    missing = [name for name in needs if name not in places]
    others = [name for name in places if name not in inputs or name in needs]
    if not missing and (len(needs) != 1 or len(others) == 1):
        feed = {name: _as_declared(table.column(places[name], tensor), tensor) for name, tensor in needs.items()}
    elif len(needs) == 1:
        order = _order(others, known) if table.is_named else others
        feed = {name: matrix(table, [places[one] for one in order], tensor) for name, tensor in needs.items()}
    else:
        raise _missing(missing, places)
    feed |= _replaced_defaults(table, places, {name: inputs[name] for name in inputs.keys() - needs.keys()})
    return {name: as_input(inputs[name], array) for name, array in feed.items()}


def _replaced_defaults(table: Table, places: dict[str, int], defaults: dict[str, Tensor]) -> dict[str, Array]:
    return {
        name: tensor.from_rows(_as_declared(table.column(places[name], tensor), tensor))
        for name, tensor in defaults.items()
        if name in places
    }


def _order(given: list[str], known: Sequence[str]) -> Sequence[str]:
    """The order in which the model wants its columns, where that is known; others are left out then."""
    there = set(given)
    missing = [name for name in known if name not in there]
    if missing:
        raise _missing(missing, given)
    return known or given


def _missing(missing: list[str], given: Iterable[str]) -> ScoringError:
    return bad_input(f"columns are missing: {', '.join(missing)}; given: {', '.join(given) or 'none'}")


def matrix(table: Table, numbers: list[int], tensor: Tensor) -> Array:
    """Columns side by side."""
    columns = [table.column(number, tensor) for number in numbers]
    if len({column.shape for column in columns}) != 1:
        raise bad_input("there are no columns, or some with lists and some without")
    return np.stack(columns, axis=1)


def _as_declared(array: Array, tensor: Tensor) -> Array:
    """A column as a matrix that is one wide, where the input is declared so."""
    wide = tensor.shape is not None and len(tensor.shape) == 2 and array.ndim == 1
    return array.reshape(-1, 1) if wide else array


class JsonTable:
    """Rows of JSON values."""

    def __init__(self, columns: Sequence[str], rows: list[list[msgspec.Raw]], *, is_named: bool = True) -> None:
        self.columns = columns
        self.is_named = is_named
        self._rows = rows
        _check(columns, rows)

    def column(self, number: int, tensor: Tensor) -> Array:
        values = [bytes(row[number]) for row in self._rows]
        try:
            return read_nested(tensor, b"[%b]" % b",".join(values))
        except ScoringError as error:
            if b"null" in values:
                raise _gap(self.columns[number], values.index(b"null"), tensor) from error
            raise bad_input(f"column {self.columns[number]!r}: {error.message}") from error


class CsvTable:
    """Comma-separated text with the names in its first line; in floating-point numbers an empty cell is NaN.

    Spaces around numbers and truth values are ignored; in texts they are kept.
    """

    is_named = True

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
        except MissingError as error:
            place = next(place for place, row in enumerate(self._rows) if not row[number].strip())
            raise _gap(self.columns[number], place, tensor) from error
        except (ValueError, KeyError) as error:
            datatype = f"column {self.columns[number]!r} is read as {tensor.datatype}"
            raise bad_input(f"{datatype}, which this is not: {error}") from error
        except (OverflowError, FloatingPointError) as error:
            raise bad_input(f"column {self.columns[number]!r}: a value does not fit into {tensor.datatype}") from error


class MissingError(Exception):
    """A cell is empty."""


def _gap(column: str, row: int, tensor: Tensor) -> ScoringError:
    return bad_input(f"column {column!r}, row {row}: a value is missing, which {tensor.datatype} cannot say")


def _check(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    if not rows:
        raise bad_input("the table has no rows")
    for number, row in enumerate(rows):
        if len(row) != len(columns):
            raise bad_input(f"row {number} has {len(row)} values, there are {len(columns)} columns")


def _cell_reader(tensor: Tensor) -> Callable[[str], Any]:
    if tensor.datatype == "BYTES":
        return str
    if tensor.datatype.startswith("FP"):
        return lambda text: _number(float, text) if text.strip() else math.nan
    return _bool if tensor.datatype == "BOOL" else _whole


def _bool(text: str) -> bool:
    stripped = text.strip().lower()
    if not stripped:
        raise MissingError
    return BOOLS[stripped]


def _number(read: Callable[[str], Number], text: str) -> Number:
    """A number; not in spellings that only Python knows, as 1_000 and digits of other scripts."""
    if "_" in text or not text.isascii():
        raise ValueError(f"{text!r} is no number")
    return read(text)


def _whole(text: str) -> int:
    """A whole number, also where it is written as 3.0."""
    if not text.strip():
        raise MissingError
    try:
        return _number(int, text)
    except ValueError:
        value = _number(float, text) if text.strip().lower() != "nan" else math.inf
    if not value.is_integer() or abs(value) >= EXACT:
        raise ValueError(f"{text!r} is no exact whole number")
    return int(value)
