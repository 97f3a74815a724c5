"""Rows that the original and its variants are asked: a person's own, and rows like those of the training. Pure.

`Rows` are arrays by the name of a model's input, the first dimension the rows: one matrix for models of arrays, a
column each for models of frames.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = dict[str, NDArray[Any]]
DRAWN = 400
LARGE = (16_000_001.0, 1_700_000_003.0)  # whole numbers that a 32-bit float cannot tell from their neighbours
UNSEEN = "a value that no training row had"
OWN, LIKE, MISSING, NEW, HUGE = (
    "rows of yours",
    "rows like those of the training",
    "rows with missing values",
    "rows with unseen categories",
    "rows with values beyond 16 million",
)


class BadRows(Exception):
    """Rows that the model cannot take, in words for whoever sent them."""


@dataclass
class Feature:
    """One column, as far as the model knows it: numbers within `low` and `high`, or `choices`. `place`: its name and
    position among the inputs; `cell` is the position in a matrix, None for a column of its own."""

    name: str
    low: float = -3.0
    high: float = 3.0
    choices: Sequence[Any] | None = None
    whole: bool = False


@dataclass(frozen=True)
class Schema:
    """`matrix` is the name of the one input that holds all features; "" where each is an input of its own."""

    features: Sequence[Feature]
    matrix: str = "X"

    def rows(self, columns: Sequence[NDArray[Any]]) -> Rows:
        """From a column for each feature."""
        if self.matrix:
            return {self.matrix: np.column_stack([column.astype(np.float64) for column in columns])}
        return {one.name: column.reshape(-1, 1) for one, column in zip(self.features, columns, strict=True)}


def drawn(schema: Schema, count: int = DRAWN, seed: int = 7) -> Rows:
    """Rows within what the model knows of its training, every number one that 32 bits hold exactly."""
    dice = np.random.default_rng(seed)
    return schema.rows([_draw(one, count, dice) for one in schema.features])


def _draw(feature: Feature, count: int, dice: np.random.Generator) -> NDArray[Any]:
    if feature.choices is not None and len(feature.choices):
        values = np.empty(len(feature.choices), object)
        values[:] = list(feature.choices)
        return np.asarray(values[dice.integers(0, len(values), count)])
    values = dice.uniform(feature.low, feature.high, count)
    return np.asarray((np.round(values) if feature.whole else values).astype(np.float32).astype(np.float64))


def probes(schema: Schema, count: int = 60) -> Iterator[tuple[str, Rows]]:
    """Rows of kinds that converters are known to get wrong; a model may refuse each of them."""
    numbers = [place for place, one in enumerate(schema.features) if one.choices is None]
    texts = [place for place, one in enumerate(schema.features) if one.choices is not None]
    if numbers:
        yield MISSING, schema.rows(_with_missing(schema, numbers, count))
    if texts:
        columns = _columns(schema, count, seed=11)
        for turn, place in enumerate(texts):
            if isinstance(_first(schema.features[place]), str):
                columns[place][turn :: len(texts) + 1] = UNSEEN
        yield NEW, schema.rows(columns)
    if numbers:
        columns = _columns(schema, count, seed=13)
        for turn, place in enumerate(numbers):
            columns[place][turn % 3 :: 3] = LARGE[turn % 2] + 2 * np.arange(len(columns[place][turn % 3 :: 3]))
        yield HUGE, schema.rows(columns)


def _with_missing(schema: Schema, numbers: list[int], count: int) -> list[NDArray[Any]]:
    columns = _columns(schema, count, seed=9)
    for turn, place in enumerate(numbers):
        columns[place][turn % count :: min(len(numbers) + 1, count)] = np.nan
    columns[numbers[0]][: count // 4] = np.nan
    return columns


def _columns(schema: Schema, count: int, seed: int) -> list[NDArray[Any]]:
    dice = np.random.default_rng(seed)
    return [_draw(one, count, dice) for one in schema.features]


def _first(feature: Feature) -> Any:
    return next(iter(feature.choices or ()), None)


def read_table(table: Mapping[str, Sequence[Any]], schema: Schema) -> Rows:
    """A person's rows, columns by name or by position. Raises `BadRows`."""
    wanted = [one.name for one in schema.features]
    given = list(table)
    if set(wanted) <= set(given):
        picked = [table[name] for name in wanted]
    elif len(given) == len(wanted):
        picked = [table[name] for name in given]
    else:
        raise BadRows(
            f"The rows have {len(given)} columns ({', '.join(given[:5])}), the model takes {len(wanted)}"
            f"{_named(wanted)}."
        )
    return schema.rows([_column(values, one) for values, one in zip(picked, schema.features, strict=True)])


def _named(names: list[str]) -> str:
    return f" ({', '.join(names[:5])}{', …' if len(names) > 5 else ''})" if not names[0].startswith("f0") else ""


def _column(values: Sequence[Any], feature: Feature) -> NDArray[Any]:
    if feature.choices is not None:
        column = np.empty(len(values), object)
        column[:] = list(values)
        return column
    try:
        return np.array([np.nan if value is None or value == "" else float(value) for value in values], np.float64)
    except (TypeError, ValueError) as reason:
        raise BadRows(f"The column {feature.name} must hold numbers: {reason}.") from reason


def count_of(rows: Rows) -> int:
    return len(next(iter(rows.values())))


def part(rows: Rows, first: int, count: int) -> Rows:
    return {name: array[first : first + count] for name, array in rows.items()}


def repeated(rows: Rows, count: int) -> Rows:
    """As many rows, over and over again."""
    places = np.arange(count) % count_of(rows)
    return {name: array[places] for name, array in rows.items()}
