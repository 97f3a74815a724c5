"""Rows for people: aligned columns where they fit the terminal, a block for each row where they do not.

Nothing is ever broken over lines, so that addresses and names can be copied whole. Pure.
"""

import unicodedata
from collections.abc import Sequence

GAP = "  "
LEAST = 4  # columns that are left of a column that may be cut
Row = Sequence[str]


def drawn(headings: Row, rows: Sequence[Row], width: int, *, cut: Sequence[str] = ()) -> list[str]:
    """Lines of at most `width` columns, if the longest single value allows.

    Columns in `cut` lose their ends if needed, the first of them first; no other value ever does. Without `headings`
    the rows stand alone.
    """
    narrow = _narrowed(headings, rows, width, cut)
    if _total(_widths(headings, narrow)) <= width:
        return _columns(headings, narrow)
    return _blocks(headings, rows)


def tabbed(rows: Sequence[Row]) -> list[str]:
    """A line for each row, columns separated by tabs: what other programs read."""
    return ["\t".join(row) for row in rows]


def one_line(cell: object) -> str:
    """A value as a cell; empty for None."""
    text = "" if cell is None else str(cell)
    return "".join(" " if character in "\t\n\r\v\f\x85\u2028\u2029" else character for character in text)


def columns(text: str) -> int:
    """How many columns of a terminal the text takes: East Asian letters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )


def beginning(text: str, room: int) -> str:
    """As much of the text as takes at most `room` columns."""
    while columns(text) > room:
        text = text[:-1]
    return text


def _widths(headings: Row, rows: Sequence[Row]) -> list[int]:
    lines = [headings, *rows] if headings else rows
    return [max(columns(cell) for cell in column) for column in zip(*lines, strict=True)]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _narrowed(headings: Row, rows: Sequence[Row], width: int, cut: Sequence[str]) -> Sequence[Row]:
    """The rows with the ends of some cells cut, as far as the width asks for it."""
    widths = _widths(headings, rows)
    most = list(widths)
    for index in (headings.index(heading) for heading in cut):
        if (excess := _total(most) - width) > 0:
            least = max(LEAST, columns(headings[index]))
            most[index] = min(widths[index], max(least, widths[index] - excess))
    return [[_cut(cell, room) for cell, room in zip(row, most, strict=True)] for row in rows]


def _cut(text: str, room: int) -> str:
    return text if columns(text) <= room else f"{beginning(text, room - 1)}…"


def _columns(headings: Row, rows: Sequence[Row]) -> list[str]:
    widths = _widths(headings, rows)
    ruler = ["-" * width for width in widths]
    lines = []
    for row in [headings, ruler, *rows] if headings else rows:
        padded = (cell + " " * (room - columns(cell)) for cell, room in zip(row, widths, strict=True))
        lines.append(GAP.join(padded).rstrip())
    return lines


def _blocks(headings: Row, rows: Sequence[Row]) -> list[str]:
    """Names and values below each other, an empty line between rows."""
    width = max(map(columns, headings))
    lines: list[str] = []
    for row in rows:
        filled = [(heading, cell) for heading, cell in zip(headings, row, strict=True) if cell]
        lines += [""] if lines else []
        lines += [f"{heading}{' ' * (width - columns(heading))}{GAP}{cell}" for heading, cell in filled]
    return lines
