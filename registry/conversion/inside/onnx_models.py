"""A version that is ONNX already: the original that its own variants are held against."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from registry.conversion.inside import rows as rows_of
from registry.conversion.inside.comparison import Answers
from registry.conversion.inside.original import Refused
from registry.conversion.inside.rows import BadRows, Feature, Rows, Schema
from registry.conversion.inside.session import DTYPES, Session
from registry.conversion.inside.tabular import Tabular

FREE = 8  # size of a free dimension that is not the rows
MOST_VALUES = 2_000_000  # of all inputs of the rows together
NUMBERS = frozenset({"tensor(float)", "tensor(double)", "tensor(float16)"})
WHOLE_BELOW = (10, 2, 1)  # whole numbers may be sizes or places in a table: drawn below these, in this order


class OnnxModel(Tabular):
    doubtful = frozenset({rows_of.MISSING, rows_of.HUGE})  # a network makes anything of what is no number

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.session = Session(path)
        except Exception as reason:  # a dozen types without a base of their own
            raise Refused(
                "cannot_load",
                f"ONNX Runtime does not load {path.name}.",
                hint="The version's page says what it tried and why. Export the model again.",
                evidence=str(reason),
            ) from reason
        self.title = f"ONNX opset {opset_of(path)}"
        self._check_inputs()
        self._whole_below = WHOLE_BELOW[0]
        self.schema = self._schema()

    def _check_inputs(self) -> None:
        for one in self.session.inputs:
            if one.type not in DTYPES:
                raise Refused(
                    "inputs_not_tensors",
                    f"The input {one.name} is a {one.type}: there are no rows to try variants with.",
                    hint="Only models whose inputs are tensors of numbers or texts are optimised.",
                )

    def _schema(self) -> Schema:
        first = self.session.inputs[0]
        if (
            len(self.session.inputs) == 1
            and first.type in NUMBERS
            and len(first.shape) == 2
            and _is_size(first.shape[1])
        ):
            return Schema([Feature(f"f{place}") for place in range(first.shape[1])], first.name)
        return Schema([], "")

    @property
    def is_matrix(self) -> bool:
        return bool(self.schema.features)

    @property
    def fixed_rows(self) -> int:
        """How many rows a run must have; 0 where any number is taken."""
        sizes = [one.shape[0] for one in self.session.inputs if one.shape]
        fixed = [size for size in sizes if _is_size(size)]
        return fixed[0] if fixed and len(fixed) == len(sizes) else 0

    def draw(self, count: int = rows_of.DRAWN) -> Rows:
        """Raises `Refused` where made-up values are none that the model takes."""
        problem: Exception | None = None
        for below in WHOLE_BELOW:
            self._whole_below = below
            found = rows_of.drawn(self.schema, self.fixed_rows or count) if self.is_matrix else self._tensors(count)
            try:
                self.ask(rows_of.part(found, 0, self.fixed_rows or 2))
            except Exception as reason:  # as above
                problem = reason
            else:
                return found
        raise Refused(
            "rows_needed",
            "The model does not take made-up rows.",
            hint="Send rows that it takes, as CSV or JSON.",
            evidence=str(problem),
        )

    def _tensors(self, count: int) -> Rows:
        dice = np.random.default_rng(7)
        shapes = [[size if _is_size(size) else FREE for size in one.shape[1:]] for one in self.session.inputs]
        values = max(1, sum(int(np.prod(shape)) for shape in shapes))
        count = self.fixed_rows or max(4, min(count, MOST_VALUES // values))
        return {
            one.name: _drawn(dice, one.type, (count, *shape) if one.shape else (), self._whole_below)
            for one, shape in zip(self.session.inputs, shapes, strict=True)
        }

    def probes(self) -> Iterator[tuple[str, Rows]]:
        """Variants differ in numbers, not in which rows they take: no probes but what a matrix has."""
        if self.is_matrix and not self.fixed_rows:
            yield from (pair for pair in rows_of.probes(self.schema) if pair[0] == rows_of.MISSING)

    def read(self, table: Mapping[str, Sequence[Any]]) -> Rows:
        if self.is_matrix and set(table) != {self.schema.matrix}:
            return self._fitting(rows_of.read_table(table, self.schema))
        missing = [one.name for one in self.session.inputs if one.name not in table]
        if missing:
            raise BadRows(f"The rows lack the input {missing[0]}.")
        try:
            found = {one.name: np.asarray(table[one.name], DTYPES[one.type]) for one in self.session.inputs}
            self.ask(rows_of.part(found, 0, self.fixed_rows or 1))
        except Exception as reason:
            raise BadRows(f"The model does not take the rows: {str(reason)[:300]}") from reason
        return self._fitting(found)

    def _fitting(self, rows: Rows) -> Rows:
        """As many as a run takes, where that is a fixed number."""
        return rows_of.repeated(rows, self.fixed_rows) if self.fixed_rows else rows

    def ask(self, rows: Rows) -> Answers:
        return self.session.ask(rows)

    def call(self, rows: Rows) -> Callable[[], object]:
        feed = self.session.feed(rows)
        return lambda: self.session.run(feed)

    def convert(self) -> Any:
        return onnx.load(self.path)


def _is_size(size: Any) -> bool:
    return isinstance(size, int) and size >= 0


def _drawn(dice: np.random.Generator, kind: str, shape: tuple[int, ...], below: int) -> NDArray[Any]:
    if kind in NUMBERS:
        return np.asarray(dice.normal(size=shape), DTYPES[kind])
    if kind == "tensor(string)":
        words = np.array(["a", "b", "c", "1"], object)
        return np.asarray(words[dice.integers(0, 4, shape)], object)
    if kind == "tensor(bool)":
        return np.asarray(dice.integers(0, 2, shape), np.bool_)
    return np.asarray(dice.integers(0, below, shape), DTYPES[kind])


def opset_of(path: Path) -> int:
    """Of the main domain."""
    return max(
        (one.version for one in onnx.load(path, load_external_data=False).opset_import if not one.domain), default=0
    )
