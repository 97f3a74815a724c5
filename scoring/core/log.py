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
current_id: ContextVar[bytes] = ContextVar("current_id", default=b"")  # of the request being answered in this context
LEVELS = {"I": "info", "W": "warning", "E": "error"}


class _Log:
    """How this process writes its log."""

    json = False
    lost = 0  # lines that could not be written since the last that could


def set_style(style: str) -> None:
    """Write the lines of this process as "text" or "json" from now on."""
    _Log.json = style == "json"


def current_request_id() -> str:
    """The id of the request being answered in this context; empty outside of one."""
    return current_id.get().decode("latin-1")


def log(message: str, level: str = "I", **facts: Any) -> None:
    """A line of the server itself; `level` is I, W or E, `facts` are further fields in JSON, and words in text."""
    moment, request_id = datetime.now(timezone.utc), current_request_id()  # noqa: UP017 - Python 3.10 has no datetime.UTC
    if _Log.json:
        write(2, _as_json(moment, LEVELS[level], "scoring", request_id, message, facts))
        return
    words = " ".join([message, *(f"{name}={value}" for name, value in facts.items())])
    time = f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}"
    source = f"scoring [{request_id}]" if request_id else "scoring"
    lines = f"{time} {level} [{os.getpid()}] {source} - {words}".split("\n")
    write(2, b"".join(_readable(truncate(line.encode("utf-8", "backslashreplace"))) + b"\n" for line in lines))


def log_printed(descriptor: int, line: bytes, size: int, request_id: str) -> None:
    """A line that the script printed, without its end, while it answered the request of that id.

    Of a very long `line` the beginning is enough; `size` is its whole length in bytes.
    """
    text = truncate(line, size).decode("utf-8", "backslashreplace")
    if _Log.json:
        moment = datetime.now(timezone.utc)  # noqa: UP017
        write(descriptor, _as_json(moment, "info", "stdout" if descriptor == 1 else "stderr", request_id, text, {}))
    else:
        write(descriptor, f"[{request_id}] {text}\n".encode() if request_id else f"{text}\n".encode())


def truncate(line: bytes, size: int | None = None) -> bytes:
    """At most `MOST_BYTES` of a line of that size, and how much is missing."""
    size = len(line) if size is None else size
    if size <= MOST_BYTES:
        return line
    return line[:MOST_BYTES] + b" ... (%d bytes more)" % (size - MOST_BYTES)


def write(descriptor: int, lines: bytes) -> None:
    """Write whole lines. An unwritable log must not stop the scoring: lost lines are counted and reported."""
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


def _as_json(moment: datetime, level: str, source: str, request_id: str, message: str, facts: dict[str, Any]) -> bytes:
    line: dict[str, Any] = {
        "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "pid": os.getpid(),
        "source": source,
    }
    if request_id:
        line["request_id"] = request_id
    line["message"] = _readable(truncate(message.encode("utf-8", "backslashreplace"))).decode()
    return msgspec.json.encode(line | facts) + b"\n"
