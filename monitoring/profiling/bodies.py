"""Bodies of requests for a load: from the plan, a file of lines, a table, a folder, or collected requests.

Everything is read before the first request, so that reading never shows in a latency. A bad row is named by file and
line, the first few of them at once.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Protocol

import orjson

from monitoring.profiling.messages import MIB, File, Inline, Plan
from monitoring.profiling.problems import Unusable

MOST_BYTES = 512 * MIB  # of all bodies, which are held in memory
MOST_BODIES = 1_000_000
NAMED_ROWS = 5  # bad ones, in a message


class BodySource(Protocol):
    """Where bodies come from, with where each stands, such as `rows.jsonl line 3`."""

    def __iter__(self) -> Iterator[tuple[str, bytes]]: ...


def read_bodies(plan: Plan) -> list[bytes]:
    """All bodies of a plan. Unusable if there are none, one is too large, or rows cannot be read."""
    return collect(source_of(plan.bodies), plan.largest_body_bytes)


def source_of(bodies: Inline | File) -> Iterable[tuple[str, bytes]]:
    """The source that a plan names."""
    if isinstance(bodies, Inline):
        return ((f"body {number}", text.encode()) for number, text in enumerate(bodies.texts, 1))
    return LAYOUTS[bodies.layout](Path(bodies.path), bodies.column)


def collect(source: Iterable[tuple[str, bytes]], largest: int) -> list[bytes]:
    """What a source has, checked: each body of at most `largest` bytes, at least one, at most MOST_BYTES of all."""
    bodies: list[bytes] = []
    size = 0
    for place, body in source:
        if len(body) > largest:
            raise Unusable(
                "body_too_large",
                f"{place} has {len(body):,} bytes; the service accepts at most {largest:,}.",
                "Leave it out, or raise the service's largest request.",
            )
        size += len(body)
        if size > MOST_BYTES or len(bodies) >= MOST_BODIES:
            raise Unusable(
                "bodies_too_many",
                f"Up to {place} there are {len(bodies) + 1:,} bodies with {size / MIB:,.0f} MiB; a load holds at most "
                f"{MOST_BODIES:,} with {MOST_BYTES // MIB} MiB.",
                "Profile with a sample of the rows.",
            )
        bodies.append(body)
    if not bodies:
        raise Unusable("bodies_empty", "There is no request body to send.", "Give a data set with at least one row.")
    return bodies


def _lines(path: Path, _column: str) -> Iterator[tuple[str, bytes]]:
    bad: list[str] = []
    with _opened(path) as stream:
        for number, line in enumerate(stream, 1):
            text = line.strip()
            if not text:
                continue
            try:
                orjson.loads(text)
            except orjson.JSONDecodeError as problem:
                _note(bad, path, f"line {number} is no JSON: {problem}")
                continue
            yield f"{path.name} line {number}", text
    _refuse(bad, "Each line of the file is one request body in JSON.")


def _csv(path: Path, column: str) -> Iterator[tuple[str, bytes]]:
    bad: list[str] = []
    with _opened(path) as stream:
        rows = csv.reader(_decoded(stream, path))
        try:
            heading = next(rows, [])
            index = _column_index(heading, column, path)
            for row in rows:
                if len(row) != len(heading):
                    if row:
                        _note(bad, path, f"line {rows.line_num} has {len(row)} columns instead of {len(heading)}")
                elif not row[index]:
                    _note(bad, path, f"line {rows.line_num} has no body")
                else:
                    yield f"{path.name} line {rows.line_num}", row[index].encode()
        except csv.Error as problem:
            _note(bad, path, f"line {rows.line_num}: {problem}")
    _refuse(bad, "A row holds a request body, in quotes where it has commas, quotes or line breaks.")


def _column_index(heading: list[str], column: str, path: Path) -> int:
    if column in heading:
        return heading.index(column)
    if not column and len(heading) == 1:
        return 0
    if not heading:
        raise Unusable("bodies_empty", f"{path.name} is empty.", "Its first line names the column of the bodies.")
    said = f"has no column {column!r}" if column else f"has {len(heading)} columns"
    raise Unusable("bodies_column", f"{path.name} {said}.", f"Name one of its columns: {', '.join(heading[:20])}.")


def _folder(path: Path, _column: str) -> Iterator[tuple[str, bytes]]:
    if not path.is_dir():
        raise Unusable("bodies_missing", f"{path} is no folder.", "Give a folder whose files are request bodies.")
    for file in sorted(path.iterdir()):
        if file.is_file() and not file.is_symlink() and not file.name.startswith("."):
            yield file.name, _content(file)


def _whole(path: Path, _column: str) -> Iterator[tuple[str, bytes]]:
    yield path.name, _content(path)


def _opened(path: Path) -> BufferedReader:
    """The file. Unusable if it is none (a pipe never ends), cannot be read, or is larger than all bodies may be."""
    try:
        if not path.is_file():
            raise Unusable("bodies_missing", f"{path} is no file.", "Check the path.")
        if path.stat().st_size > MOST_BYTES:
            size = f"{path.stat().st_size / MIB:,.0f} MiB"
            hint = "Profile with a sample of the rows."
            raise Unusable(
                "bodies_too_many", f"{path.name} has {size}; a load holds at most {MOST_BYTES // MIB} MiB.", hint
            )
        return path.open("rb")
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise Unusable("bodies_missing", f"{path} cannot be read: {reason}.", "Check the path.") from None


def _content(path: Path) -> bytes:
    with _opened(path) as stream:
        return stream.read()


def _decoded(stream: Iterable[bytes], path: Path) -> Iterator[str]:
    for number, line in enumerate(stream, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise Unusable(
                "bodies_bad", f"{path.name} line {number} is no UTF-8.", "Save the table as UTF-8."
            ) from None


def _note(bad: list[str], path: Path, problem: str) -> None:
    bad.append(f"{path.name} {problem}")


def _refuse(bad: list[str], hint: str) -> None:
    if bad:
        more = f"; and {len(bad) - NAMED_ROWS} more" if len(bad) > NAMED_ROWS else ""
        raise Unusable("bodies_bad", "; ".join(bad[:NAMED_ROWS]) + more + ".", hint)


LAYOUTS: dict[str, Callable[[Path, str], Iterator[tuple[str, bytes]]]] = {
    "lines": _lines,
    "csv": _csv,
    "folder": _folder,
    "whole": _whole,
}
