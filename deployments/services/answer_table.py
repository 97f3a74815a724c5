"""Pure: what a service answered as a table: a row for each input row, an output in each column, shares as bars."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from studio.core.quantities import digits

MOST_ROWS = 20
MOST_VALUES = 40  # of an output in a row
SUM_TOLERANCE = 0.02  # of shares that should make a whole


@dataclass(frozen=True)
class Value:
    """`share` is 0 to 1 for one of several that make a whole, such as probabilities; `is_highest` marks the largest."""

    label: str
    text: str
    share: float | None = None
    is_highest: bool = False

    @property
    def percent(self) -> float | None:
        """As a length of a bar."""
        return None if self.share is None else round(self.share * 100, 1)


@dataclass(frozen=True)
class Output:
    name: str
    values: list[Value]


@dataclass(frozen=True)
class AnswerTable:
    rows: list[list[Output]]
    left_out: int = 0  # rows that are not shown


def table_of(answer: Any, classes: Sequence[str] = ()) -> AnswerTable | None:
    """The table of an answer in the Open Inference Protocol's format, the short one, or a script's lists of rows; None
    for anything else. `classes` are names for the numbers of a class and for the values of an output with as many."""
    if not isinstance(answer, dict):
        return None
    if isinstance(answer.get("outputs"), list):
        columns = [_of_tensor(one) for one in answer["outputs"]]
    else:
        columns = _of_lists(answer.get("data", answer.get("predictions", answer)))
    if not columns or any(column is None for column in columns):
        return None
    found: list[tuple[str, list[str], list[list[Any]]]] = [column for column in columns if column]
    count = min(len(rows) for _, _, rows in found)
    if not count or any(len(row) > MOST_VALUES for _, _, rows in found for row in rows[:MOST_ROWS]):
        return None
    table = [
        [Output(name, _values(rows[index], keys, classes)) for name, keys, rows in found]
        for index in range(min(count, MOST_ROWS))
    ]
    return AnswerTable(table, count - len(table))


def _of_tensor(tensor: Any) -> tuple[str, list[str], list[list[Any]]] | None:
    """Name, names of the values, and the values of each row."""
    if not isinstance(tensor, dict) or not isinstance(tensor.get("data"), list):
        return None
    shape, data = tensor.get("shape") or [1], tensor["data"]
    size = prod(shape[1:])
    if not size or len(data) != prod(shape):
        return None
    keys = (tensor.get("parameters") or {}).get("keys") or []
    rows = [data[at : at + size] for at in range(0, len(data), size)]
    return str(tensor.get("name", "")), [str(key) for key in keys] if isinstance(keys, list) else [], rows


def _of_lists(answer: Any) -> list[tuple[str, list[str], list[list[Any]]] | None]:
    """One output as a list of rows, or several by name."""
    if isinstance(answer, dict):
        return [_of_list(str(name), rows) for name, rows in answer.items()]
    return [_of_list("answer", answer)]


def _of_list(name: str, rows: Any) -> tuple[str, list[str], list[list[Any]]] | None:
    if isinstance(rows, (int, float, str, bool)):
        rows = [rows]
    if not isinstance(rows, list) or not rows:
        return None
    if all(isinstance(row, dict) for row in rows) and all(row.keys() == rows[0].keys() for row in rows):
        return name, [str(key) for key in rows[0]], [list(row.values()) for row in rows]
    lists = [row if isinstance(row, list) else [row] for row in rows]
    nested = any(isinstance(value, (list, dict)) for row in lists for value in row)
    return None if nested else (name, [], lists)


def _values(row: list[Any], keys: list[str], classes: Sequence[str]) -> list[Value]:
    labels = keys if len(keys) == len(row) else list(classes) if len(classes) == len(row) > 1 else []
    if len(row) > 1 and not labels:
        labels = [str(number) for number in range(len(row))]
    shares = _shares(row)
    highest = shares.index(max(shares)) if shares else -1
    return [
        Value(
            _label(labels[index], classes) if labels else "",
            _text(value, classes if len(row) == 1 else ()),
            shares[index] if shares else None,
            index == highest,
        )
        for index, value in enumerate(row)
    ]


def _label(label: str, classes: Sequence[str]) -> str:
    """A class by its name where keys are the numbers of classes."""
    return classes[int(label)] if label.isascii() and label.isdecimal() and int(label) < len(classes) else label


def _shares(row: list[Any]) -> list[float]:
    """The values of a row whose numbers make a whole; empty for others."""
    numbers = [value for value in row if isinstance(value, (int, float)) and not isinstance(value, bool)]
    fits = len(row) > 1 and len(numbers) == len(row) and all(0 <= value <= 1 + SUM_TOLERANCE for value in numbers)
    return [min(1.0, float(value)) for value in numbers] if fits and abs(sum(numbers) - 1) <= SUM_TOLERANCE else []


def _text(value: Any, classes: Sequence[str]) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "–" if value is None else str(value)
    if isinstance(value, int):
        return f"{classes[value]} ({value})" if 0 <= value < len(classes) else f"{value:,}"
    return digits(value)
