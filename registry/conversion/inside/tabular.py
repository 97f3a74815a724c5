"""Models of rows and columns: how rows for them are drawn, probed and read. What other models override."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from registry.conversion.inside import rows
from registry.conversion.inside.rows import Rows, Schema


class Tabular:
    """`doubtful`: kinds of rows that may be answered otherwise, with a warning, as nobody knows whether they come."""

    schema: Schema
    doubtful: frozenset[str] = frozenset({rows.HUGE})

    def draw(self, count: int = rows.DRAWN) -> Rows:
        return rows.drawn(self.schema, count)

    def probes(self) -> Iterator[tuple[str, Rows]]:
        return rows.probes(self.schema)

    def read(self, table: Mapping[str, Sequence[Any]]) -> Rows:
        """A person's rows. Raises `BadRows`."""
        return rows.read_table(table, self.schema)

    def names_of(self, outputs: list[str]) -> list[str]:
        return outputs
