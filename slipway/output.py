"""What the command line prints: results to standard output, everything else to standard error.

On a terminal tables and bars are drawn with rich; elsewhere, columns are separated by tabs. With `--json` the one
document on standard output is all there is.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slipway.errors import SlipwayError

EVIDENCE_LINES = 20


class Output:
    """Prints for one command; `as_json` decides how."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def result(self, document: Any, show: Callable[[], None]) -> None:
        """The command's result: `document` with --json, else whatever `show` prints."""
        if self.as_json:
            print(json.dumps(document, indent=2, ensure_ascii=False))
        else:
            show()

    def done(self, document: Any, sentence: str) -> None:
        """The result of a command that changes something."""
        self.result(document, lambda: print(sentence))


def table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Rows under headings; nothing is cut off where the output is not a terminal."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in [[heading.upper() for heading in headings], *texts]:
            print("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row))
        return
    from rich import box, console, table  # slow to load

    drawn = table.Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        drawn.add_column(heading, overflow="fold")
    for row in texts:
        drawn.add_row(*(_plain(cell) for cell in row))
    console.Console().print(drawn)


def facts(pairs: dict[str, Any]) -> None:
    """Names and values, one a line; empty values are left out."""
    filled = {name: value for name, value in pairs.items() if value not in (None, "", [], {})}
    width = max((len(name) for name in filled), default=0)
    for name, value in filled.items():
        print(f"{name:<{width}}  {value}")


def note(text: str) -> None:
    """Something by the way, to standard error."""
    print(text, file=sys.stderr)


def failure(error: "SlipwayError") -> None:
    """What went wrong, the next step, and the end of the evidence, to standard error."""
    print(f"Error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"Hint: {error.hint}", file=sys.stderr)
    if error.evidence:
        lines = error.evidence.rstrip().splitlines()
        print("\n".join(["---", *lines[-EVIDENCE_LINES:]]), file=sys.stderr)


@contextmanager
def bar(label: str, total: int) -> Iterator[Callable[[int], None] | None]:
    """A progress bar over `total` bytes, on a terminal only; gives the function that moves it."""
    if not sys.stderr.isatty() or total == 0:
        yield None
        return
    from rich import console, progress  # slow to load

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console.Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task(label, total=total)
        yield lambda count: drawn.advance(task, count)


@contextmanager
def spinner(label: str) -> Iterator[Callable[[str], None]]:
    """Tells what is going on: a moving line on a terminal, else one line for each change."""
    if sys.stderr.isatty():
        from rich import console  # slow to load

        with console.Console(stderr=True).status(label) as status:
            yield lambda text: status.update(f"{label}: {text}")
        return
    told = ""

    def tell(text: str) -> None:
        nonlocal told
        if text != told:
            told = text
            note(f"{label}: {text}")

    yield tell


def size(count: float) -> str:
    """Bytes for people: 1 kB is 1,000 bytes."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def pairs(values: dict[str, Any]) -> str:
    """Tags and properties on one line: area=vision, stage=draft."""
    return ", ".join(f"{key}={value}" if value != "" else key for key, value in sorted(values.items()))


def _plain(cell: str) -> Any:
    from rich.text import Text

    return Text(cell)
