"""What moves on standard error while a command works: a bar, or a line; elsewhere than on a terminal, lines of text."""

import codecs
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from slipway import tables

WIDE = 72  # columns that a bar with sizes, speed and time takes
_moving: list[Any] = []  # rich's consoles on which a bar or a line moves at the moment


def print_above(text: str) -> None:
    """A line to standard error; above a bar that moves."""
    if _moving:
        _moving[-1].print(text, soft_wrap=True, markup=False, highlight=False, emoji=False)
    else:
        print(text, file=sys.stderr)


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
    """Gives the function that says what is going on: a moving line on a terminal, else one line for each change."""
    if sys.stderr.isatty():
        from rich import console  # slow to load
        from rich.text import Text

        def line(text: str) -> Text:
            """On one line, and plain: names may hold what rich takes for markup."""
            return Text(tables.beginning(text, shutil.get_terminal_size().columns - 3))  # for the sign that moves

        signs = "dots" if is_utf8(sys.stderr) else "line"
        with (
            _moves(console.Console(stderr=True)) as shown,
            shown.status(line(label), spinner=signs) as status,
        ):
            yield lambda text: status.update(line(f"{label}: {text}"))
        return
    latest = ""

    def report(text: str) -> None:
        nonlocal latest
        if text != latest:
            latest = text
            print_above(f"{label}: {text}")

    yield report


@contextmanager
def _moves(shown: Any) -> Iterator[Any]:
    _moving.append(shown)
    try:
        yield shown
    finally:
        _moving.pop()


def is_utf8(stream: TextIO) -> bool:
    try:
        return codecs.lookup(stream.encoding or "").name in {"utf-8", "utf-8-sig"}
    except LookupError:
        return False
