"""Columns of lists: where a value stands in the answer, and how people read it. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.tables import one_line
from slipway.wording import ago, pairs, value


@dataclass(frozen=True)
class Column:
    """One column. `read` is a key of the row, or a function of it; `show` is how people read what it gives."""

    heading: str
    read: str | Callable[[Any], Any]
    show: Callable[[Any], str] | None = None

    def exact(self, row: Mapping[str, Any]) -> str:
        """The value for other programs: times to the microsecond."""
        return one_line(_text(self._value(row)))

    def readable(self, row: Mapping[str, Any]) -> str:
        """The value for people."""
        found = self._value(row)
        return one_line(self.show(found) if self.show else _text(found))

    def _value(self, row: Mapping[str, Any]) -> Any:
        return self.read(row) if callable(self.read) else row.get(self.read)


def time_column(heading: str, key: str) -> Column:
    """A time: 12 min ago for people, ISO 8601 for programs."""
    return Column(heading, key, ago)


def _text(found: Any) -> str:
    if found is None:
        return ""
    if isinstance(found, list):
        return ", ".join(map(value, found))
    return pairs(found) if isinstance(found, Mapping) else value(found)
