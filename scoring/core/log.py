"""Log lines, as text or as JSON, always whole and always UTF-8.

The server's own lines are `<UTC time> <level> [pid] scoring - message`. What the script prints stays as it is, but
for the id of the request that was being worked on: `[id] what was printed`. In JSON both are objects with time,
level, pid, source, message and, where there is one, request_id.
"""

import os
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import Any

import msgspec

MOST_BYTES = 16 * 1024  # of a line; the rest is cut
current: ContextVar[bytes] = ContextVar("current", default=b"")  # id of the request that is being worked on here
LEVELS = {"I": "info", "W": "warning", "E": "error"}


class _Log:
    """How this process writes."""

    json = False
    lost = 0  # lines that could not be written since the last that could


def use(style: str) -> None:
    """From now on lines of this process are "text" or "json"."""
    _Log.json = style == "json"


def asked_for() -> str:
    """The id of the request that is being worked on here; empty where none is."""
    return current.get().decode("latin-1")


def log(message: str, level: str = "I", **facts: Any) -> None:
    """A line of the server itself; `level` is I, W or E, `facts` are further fields in JSON, and words in text."""
    moment, given = datetime.now(timezone.utc), asked_for()  # noqa: UP017 - Python 3.10 has no datetime.UTC
    if _Log.json:
        write(2, _as_json(moment, LEVELS[level], "scoring", given, message, facts))
        return
    words = " ".join([message, *(f"{name}={value}" for name, value in facts.items())])
    asked = f" [{given}]" if given else ""
    lines = (
        f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03} {level} [{os.getpid()}] scoring{asked} - {words}"
    )
    write(2, b"".join(_readable(cut(line.encode("utf-8", "backslashreplace"))) + b"\n" for line in lines.split("\n")))


def printed(descriptor: int, line: bytes, size: int, asked: str) -> None:
    """A line that the script printed, without its end, while the request of that id was worked on.

    Of a very long `line` the beginning is enough; `size` tells how long it was.
    """
    text = cut(line, size).decode("utf-8", "backslashreplace")
    if _Log.json:
        moment = datetime.now(timezone.utc)  # noqa: UP017
        write(descriptor, _as_json(moment, "info", "stdout" if descriptor == 1 else "stderr", asked, text, {}))
    else:
        write(descriptor, f"[{asked}] {text}\n".encode() if asked else f"{text}\n".encode())


def cut(line: bytes, size: int | None = None) -> bytes:
    """At most `MOST_BYTES` of a line of that size, and how much is missing."""
    size = len(line) if size is None else size
    if size <= MOST_BYTES:
        return line
    return line[:MOST_BYTES] + b" ... (%d bytes more)" % (size - MOST_BYTES)


def write(descriptor: int, lines: bytes) -> None:
    """Write whole lines. A log that cannot be written must not stop the scoring: what is lost is counted and told."""
    try:
        while lines:
            lines = lines[os.write(descriptor, lines) :]
    except OSError:  # the disk is full, or the console has gone
        _Log.lost += 1
        return
    if _Log.lost:
        lost, _Log.lost = _Log.lost, 0
        log(f"{lost} lines before this one could not be written to the log", "W")


def _readable(line: bytes) -> bytes:
    """As UTF-8, which a cut may have broken."""
    return line.decode("utf-8", "backslashreplace").encode()


def _as_json(moment: datetime, level: str, source: str, asked: str, message: str, facts: dict[str, Any]) -> bytes:
    line: dict[str, Any] = {
        "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "pid": os.getpid(),
        "source": source,
    }
    if asked:
        line["request_id"] = asked
    line["message"] = _readable(cut(message.encode("utf-8", "backslashreplace"))).decode()
    return msgspec.json.encode(line | facts) + b"\n"
