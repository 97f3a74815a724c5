"""A person's rows, out of CSV or JSON: columns by name, and the labels apart."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from registry.conversion.inside.rows import BadRows

MOST_ROWS = 20_000
Table = dict[str, Sequence[Any]]


def read(path: Path, label: str = "") -> tuple[Table, Any]:
    """The columns, and the labels as an array or None. Raises `BadRows`."""
    table = _of_csv(path) if path.suffix == ".csv" else _of_json(path)
    lengths = {len(column) for column in table.values()}
    if not table or lengths == {0}:
        raise BadRows("There are no rows.")
    if len(lengths) > 1:
        raise BadRows("The columns have different numbers of rows.")
    if lengths.pop() > MOST_ROWS:
        table = {name: column[:MOST_ROWS] for name, column in table.items()}
    if not label:
        return table, None
    if label not in table:
        raise BadRows(f"There is no column {label[:80]} for the labels.")
    return table, _labels(table.pop(label))


def _labels(column: Sequence[Any]) -> Any:
    try:
        return np.array([float(one) for one in column])
    except (TypeError, ValueError):
        return np.array([str(one) for one in column])


def _of_csv(path: Path) -> Table:
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        lines = list(csv.reader(file))
    lines = [line for line in lines if line]
    if len(lines) < 2:
        raise BadRows("The first line of the CSV must name the columns, and rows must follow.")
    widths = {len(line) for line in lines}
    if len(widths) > 1:
        number = next(at for at, line in enumerate(lines, 1) if len(line) != len(lines[0]))
        raise BadRows(f"Row {number} of the CSV has {len(lines[number - 1])} fields, the first {len(lines[0])}.")
    return {name: [line[at] for line in lines[1:]] for at, name in enumerate(lines[0])}


def _of_json(path: Path) -> Table:
    """Azure's {"data": [[…]]}, a list of rows or of objects, columns by name, or a V2 request."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as reason:
        raise BadRows(f"The rows are no JSON: {reason}") from reason
    if isinstance(found, Mapping) and isinstance(found.get("inputs"), list):
        return dict(map(_of_tensor, found["inputs"]))
    if isinstance(found, Mapping) and isinstance(found.get("data"), list):
        found = found["data"]
    if isinstance(found, Mapping) and isinstance(found.get("columns"), list):
        return _of_rows([dict(zip(found["columns"], row, strict=False)) for row in found.get("data", [])])
    if isinstance(found, Mapping) and all(isinstance(one, list) for one in found.values()):
        return dict(found)
    if isinstance(found, list):
        return _of_rows(found)
    raise BadRows("The JSON holds no rows: send a list of rows, or columns by name.")


def _of_tensor(tensor: Any) -> tuple[str, Sequence[Any]]:
    try:
        return str(tensor["name"]), np.asarray(tensor["data"], object).reshape(tensor["shape"]).tolist()
    except (KeyError, TypeError, ValueError) as reason:
        raise BadRows(f"A tensor of the rows has no name, shape and data that fit: {reason}") from reason


def _of_rows(rows: list[Any]) -> Table:
    if all(isinstance(row, Mapping) for row in rows):
        names = list(rows[0]) if rows else []
        if any(set(row) != set(names) for row in rows):
            raise BadRows("The rows have different columns.")
        return {str(name): [row[name] for row in rows] for name in names}
    if all(isinstance(row, list) for row in rows) and len({len(row) for row in rows}) == 1:
        return {f"f{at}": [row[at] for row in rows] for at in range(len(rows[0]))}
    raise BadRows("The rows of the JSON have different lengths.")
