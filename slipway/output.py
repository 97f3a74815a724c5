"""What the command line prints: results to standard output, everything else to standard error.

`choose` says how, once for each command: a format of `-o`, and a query that selects from the result. Without a format,
people get tables, names with values, and sentences; where there is no terminal, columns are separated by tabs.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from slipway import formats, progress, tables
from slipway.columns import Column

if TYPE_CHECKING:
    from slipway.errors import SlipwayError

EVIDENCE_LINES = 20
UNLIMITED = 1_000_000  # columns of an output that is no terminal


@dataclass(frozen=True)
class Choice:
    """A format of `-o`, or none; and what is selected from the result, if anything is."""

    format: str = ""
    select: formats.Select | None = None


_choice: ContextVar[Choice] = ContextVar("choice", default=Choice())  # noqa: B039 - it is frozen


def choose(format: str = "", query: str = "") -> None:
    """How results are printed from now on. A query without a format gives JSON. Raises `Misuse` for a wrong query."""
    select = formats.compile_query(query) if query else None
    _choice.set(Choice(format or ("json" if query else ""), select))


def is_document() -> bool:
    """Whether standard output is to hold one JSON or YAML document and nothing else."""
    return _choice.get().format in formats.DOCUMENTS


def tolerate() -> None:
    """What the output cannot show (a pipe on Windows, an old locale) becomes a question mark instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


@contextmanager
def readers_may_leave() -> Iterator[None]:
    """Whoever reads the output may have enough of it, as `head` does: the rest goes nowhere, without a word."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


# --- results ---


def result(document: Any, show: Callable[[], None]) -> None:
    """The command's result, of which people see what `show` prints."""
    choice = _choice.get()
    if choice.select or choice.format in {"json", "yaml", "tsv"}:
        _print_selected(document, choice)
    else:
        show()


def stream(text: str) -> None:
    """A piece of something that goes on, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def done(document: Any, sentence: str) -> None:
    """The result of a command that changes something."""
    result(document, lambda: print(sentence))


def rows(documents: Sequence[Any], columns: Sequence[Column], *, cut: Sequence[str] = (), empty: str = "") -> None:
    """The result of a command that lists. `cut` names columns that may lose their ends, the least important first.

    `empty` is what people read who get no rows: on a terminal and on standard error.
    """
    choice = _choice.get()
    if choice.select or choice.format in formats.DOCUMENTS:
        _print_selected(documents, choice)
    elif choice.format == "tsv":
        _print_lines(tables.tabbed([[column.exact(row) for column in columns] for row in documents]))
    elif choice.format == "table" or sys.stdout.isatty():
        if empty and not documents:
            note(empty)
        headings = [column.heading for column in columns]
        _draw(headings, [[column.readable(row) for column in columns] for row in documents], cut)
    else:
        headings = [column.heading.upper() for column in columns]
        _print_lines(tables.tabbed([headings, *([column.exact(row) for column in columns] for row in documents)]))


def facts(pairs: Mapping[str, Any]) -> None:
    """Names and values, one a line; empty values are left out."""
    filled = {name: value for name, value in pairs.items() if value not in (None, "", [], {})}
    width = max((len(name) for name in filled), default=0)
    for name, value in filled.items():
        print(f"{name:<{width}}  {value}")


def print_document(document: Any) -> None:
    """One document in the format that was chosen; letters that the output cannot carry are escaped."""
    write = formats.as_yaml if _choice.get().format == "yaml" else formats.as_json
    text = write(document)
    print(text if _carries(sys.stdout, text) else write(document, ascii_only=True))


# --- everything else ---


def note(text: str) -> None:
    """Something by the way, to standard error; above a bar that moves."""
    progress.print_above(text)


def failure(error: "SlipwayError") -> None:
    """What went wrong, the next step, and the end of the evidence, to standard error."""
    interrupted = error.code == "interrupted"  # which is no error of anybody's
    print(error.message if interrupted else f"Error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"Hint: {error.hint}", file=sys.stderr)
    if error.evidence:
        lines = error.evidence.rstrip().splitlines()
        print("\n".join(["---", *lines[-EVIDENCE_LINES:]]), file=sys.stderr)


def _print_selected(document: Any, choice: Choice) -> None:
    selected = choice.select(document) if choice.select else document
    if choice.format in formats.DOCUMENTS:
        print_document(selected)
    elif choice.format == "tsv":
        _print_lines(tables.tabbed(formats.rows_of(selected)))
    else:
        _draw_document(selected)


def _draw_document(document: Any) -> None:
    """A table of whatever a query has selected."""
    if isinstance(document, Mapping):
        facts({name: formats.scalar(value) for name, value in document.items()})
        return
    headings = formats.headings_of(document)
    if headings:
        _draw(headings, [[tables.one_line(formats.scalar(item.get(key))) for key in headings] for item in document], ())
    else:
        _print_lines(tables.drawn([], formats.rows_of(document), UNLIMITED))


def _draw(headings: Sequence[str], cells: Sequence[Sequence[str]], cut: Sequence[str]) -> None:
    width = shutil.get_terminal_size((UNLIMITED, 24)).columns
    _print_lines(tables.drawn(headings, cells, width, cut=cut))


def _print_lines(lines: Sequence[str]) -> None:
    for line in lines:
        print(line)


def _carries(stream: TextIO, text: str) -> bool:
    """Documents travel as UTF-8; elsewhere, and for halves of surrogate pairs, only escapes are safe."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return progress.is_utf8(stream) or text.isascii()
