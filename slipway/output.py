"""What the command line prints: results to standard output, everything else to standard error.

On a terminal tables are aligned and bars are drawn; elsewhere, columns are separated by tabs. With `--json` the one
document on standard output is all there is.
"""

import codecs
import json
import os
import shutil
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from slipway import tables

if TYPE_CHECKING:
    from slipway.errors import SlipwayError

EVIDENCE_LINES = 20
WIDE = 72  # columns that a bar with sizes, speed and time takes
_moving: list[Any] = []  # rich's consoles on which a bar or a line moves at the moment


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


def print_json(document: Any) -> None:
    """One JSON document; letters that the output cannot carry are escaped."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    print(text if _carries(sys.stdout, text) else json.dumps(document, indent=2))


class Output:
    """Prints for one command; `as_json` decides how."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def result(self, document: Any, show: Callable[[], None]) -> None:
        """The command's result: `document` with --json, else whatever `show` prints."""
        if self.as_json:
            print_json(document)
        else:
            show()

    def done(self, document: Any, sentence: str) -> None:
        """The result of a command that changes something."""
        self.result(document, lambda: print(sentence))


def table(headings: Sequence[str], rows: Sequence[Sequence[Any]], *, may_be_cut: Collection[str] = ()) -> None:
    """Rows under headings. On a terminal columns in `may_be_cut` lose what does not fit; no other value ever does."""
    texts = [[tables.one_line(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        lines = tables.drawn(headings, texts, width, may_be_cut=may_be_cut)
    else:
        lines = tables.tabbed(headings, texts)
    for line in lines:
        print(line)


def facts(pairs: dict[str, Any]) -> None:
    """Names and values, one a line; empty values are left out."""
    filled = {name: value for name, value in pairs.items() if value not in (None, "", [], {})}
    width = max((len(name) for name in filled), default=0)
    for name, value in filled.items():
        print(f"{name:<{width}}  {value}")


def note(text: str) -> None:
    """Something by the way, to standard error; above a bar that moves."""
    if _moving:
        _moving[-1].print(text, soft_wrap=True, markup=False, highlight=False, emoji=False)
    else:
        print(text, file=sys.stderr)


def failure(error: "SlipwayError") -> None:
    """What went wrong, the next step, and the end of the evidence, to standard error."""
    interrupted = error.code == "interrupted"  # which is no error of anybody's
    print(error.message if interrupted else f"Error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"Hint: {error.hint}", file=sys.stderr)
    if error.evidence:
        lines = error.evidence.rstrip().splitlines()
        print("\n".join(["---", *lines[-EVIDENCE_LINES:]]), file=sys.stderr)


@contextmanager
def bar(label: str, total: int) -> Iterator[Callable[[int], None] | None]:
    """A progress bar over `total` bytes, on a terminal only; gives the function that moves it.

    `label` is a word and no name: on a narrow terminal names would be broken or cut.
    """
    if not sys.stderr.isatty() or total == 0:
        yield None
        return
    from rich import console, progress  # slow to load

    columns: list[progress.ProgressColumn] = [progress.TextColumn(label, markup=False), progress.BarColumn()]
    if shutil.get_terminal_size().columns >= WIDE:
        columns += [progress.DownloadColumn(), progress.TransferSpeedColumn(), progress.TimeRemainingColumn()]
    else:
        columns.append(progress.TaskProgressColumn())
    with (
        _moves(console.Console(stderr=True)) as shown,
        progress.Progress(*columns, console=shown, transient=True) as drawn,
    ):
        task = drawn.add_task(label, total=total)
        yield lambda count: drawn.advance(task, count)


@contextmanager
def spinner(label: str) -> Iterator[Callable[[str], None]]:
    """Tells what is going on: a moving line on a terminal, else one line for each change."""
    if sys.stderr.isatty():
        from rich import console  # slow to load
        from rich.text import Text

        def line(text: str) -> Text:
            """On one line, and plain: names may hold what rich takes for markup."""
            return Text(tables.beginning(text, shutil.get_terminal_size().columns - 3))  # for the sign that moves

        signs = "dots" if _is_utf8(sys.stderr) else "line"
        with (
            _moves(console.Console(stderr=True)) as shown,
            shown.status(line(label), spinner=signs) as status,
        ):
            yield lambda text: status.update(line(f"{label}: {text}"))
        return
    told = ""

    def tell(text: str) -> None:
        nonlocal told
        if text != told:
            told = text
            note(f"{label}: {text}")

    yield tell


@contextmanager
def _moves(shown: Any) -> Iterator[Any]:
    _moving.append(shown)
    try:
        yield shown
    finally:
        _moving.pop()


def _is_utf8(stream: TextIO) -> bool:
    try:
        return codecs.lookup(stream.encoding or "").name in {"utf-8", "utf-8-sig"}
    except LookupError:
        return False


def _carries(stream: TextIO, text: str) -> bool:
    """JSON travels as UTF-8; elsewhere, and for halves of surrogate pairs, only escapes are safe."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return _is_utf8(stream) or text.isascii()
