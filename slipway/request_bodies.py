"""Bodies of requests as people keep them: a line each, a column of a table, or a file each."""

import csv
import io
from pathlib import Path

from slipway import text_files
from slipway.errors import Misuse

MOST = 1000  # that a profile takes
TABLES = {".csv": ",", ".tsv": "\t"}


def read(place: Path, column: str = "") -> list[str]:
    """The bodies in a file or folder, in their order: of a folder each file whose name does not begin with a dot, of a
    table (.csv, .tsv) the cells of `column`, which may be left out where there is one alone, of other files each line.
    Raises `Misuse`, which names file and line."""
    if place.is_dir():
        bodies = [_whole(file) for file in sorted(place.iterdir()) if file.is_file() and file.name[0] != "."]
    elif place.suffix.lower() in TABLES:
        bodies = _cells(place, column)
    else:
        bodies = [line for line in text_files.read(place).splitlines() if line.strip()]
    if not bodies:
        raise Misuse(f"{place} is empty.", hint="Each line, cell of the column, or file of a folder is a body.")
    if len(bodies) > MOST:
        raise Misuse(f"{place} has {len(bodies):,} bodies.", hint=f"A profile takes {MOST:,} at most: choose some.")
    return bodies


def _whole(file: Path) -> str:
    text = text_files.read(file)
    if not text.strip():
        raise Misuse(f"{file} is empty.", hint="Each file of the folder is the body of a request.")
    return text


def _cells(file: Path, column: str) -> list[str]:
    """With the heading in the first line, as Azure's datasets of request bodies have it."""
    csv.field_size_limit(2**31 - 1)
    table = csv.reader(io.StringIO(text_files.read(file)), delimiter=TABLES[file.suffix.lower()])
    try:
        heading = next(table, [])
        if not column and len(heading) != 1:
            raise Misuse(f"{file} has {len(heading)} columns.", hint="Name one with --input-column.")
        if column and column not in heading:
            raise Misuse(f"{file} has no column '{column}'.", hint=f"It has {', '.join(heading)[:200] or 'none'}.")
        at = heading.index(column) if column else 0
        found = []
        for row in table:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(heading) or not row[at].strip():
                what = "no body" if len(row) == len(heading) else f"{len(row)} cells instead of {len(heading)}"
                raise Misuse(f"{file}, line {table.line_num}: {what}.", hint='Put cells with commas into "quotes".')
            found.append(row[at])
    except csv.Error as reason:
        raise Misuse(f"{file}, line {table.line_num}: {reason}.") from reason
    return found
