"""The terminal: every line of every program behind the program's name, in a colour of its own."""

import re
import sys

COLOURS = {
    "broker": 35,
    "web": 36,
    "quick": 32,
    "heavy": 33,
    "builds": 31,
    "long": 95,
    "clock": 34,
    "front": 96,
    "up": 1,
}
WIDTH = max(map(len, COLOURS))
LONGEST_LINE = 64 * 1024


def echo(text: str, name: str = "up") -> None:
    """Print `text`, line by line, behind `name`. A closed terminal is no reason to stop."""
    prefix = f"{name:<{WIDTH}} | "
    if sys.stdout.isatty():
        prefix = f"\x1b[{COLOURS.get(name, 37)}m{prefix}\x1b[0m"
    try:
        sys.stdout.write("".join(f"{prefix}{line}\n" for line in text.splitlines() if line.strip()))
        sys.stdout.flush()
    except OSError:
        pass  # the terminal is gone; the programs go on


class Lines:
    """Cuts what a program prints into whole lines; those in which `unprinted` is found are left out."""

    def __init__(self, name: str, unprinted: str | None = None) -> None:
        self.name = name
        self.unprinted = re.compile(unprinted) if unprinted else None
        self.rest = b""

    def feed(self, data: bytes) -> None:
        """Print every finished line of what came so far; an endless line is cut."""
        whole, newline, self.rest = (self.rest + data).rpartition(b"\n")
        if newline or len(self.rest) > LONGEST_LINE:
            self._print((whole or self.rest).decode(errors="replace"))
            self.rest = self.rest if newline else b""

    def close(self) -> None:
        if self.rest:
            self.feed(b"\n")

    def _print(self, text: str) -> None:
        if self.unprinted:
            text = "\n".join(line for line in text.splitlines() if not self.unprinted.search(line))
        echo(text, self.name)
