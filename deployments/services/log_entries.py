"""Pure: the text of a log as entries that people can read and filter.

A service's log has lines of the scoring server, `<UTC time> <level> [pid] scoring [id] - message`, or JSON objects with
the same facts, and what the script printed, `[id] text` or bare (scoring.core.log). A traceback is one entry, however
many lines it has.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from studio.core import tracebacks

LEVELS = ("error", "warning", "info")  # worst first
_SERVER = re.compile(
    r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (?P<level>[IWE]) \[\d+\] "
    r"scoring(?: \[(?P<id>[^\]]*)\])? - (?P<text>.*)$"
)
_PRINTED = re.compile(r"^\[(?P<id>(?=[^\]\s]*\d)[^\]\s]{12,100})\] ?(?P<text>.*)$")
_LETTERS = {"I": "info", "W": "warning", "E": "error"}
_WORDS = {"CRITICAL": "error", "FATAL": "error", "ERROR": "error", "WARNING": "warning", "WARN": "warning"}
_LEVEL_WORD = re.compile(r"\b(CRITICAL|FATAL|ERROR|WARNING|WARN|INFO)\b")
GAPS = ("", *tracebacks.CHAINED)  # lines between two tracebacks that belong together
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_WORD_WITHIN = 40  # characters from the beginning of a line, where loggers write the level


@dataclass(frozen=True)
class Entry:
    """A line, or a traceback. `level` is one of `LEVELS`, or empty for what was printed without one; `time` is in UTC,
    empty where the line has none; `request_id` is that of the request that was being answered."""

    text: str
    level: str = ""
    time: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class Block:
    """Entries of one request that stand together, or of none."""

    request_id: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, kw_only=True)
class LogFilter:
    """What somebody wants to see: `text` anywhere, at least `level`, of the request of that id."""

    text: str = ""
    level: str = ""
    request: str = ""

    @property
    def is_on(self) -> bool:
        return bool(self.text or self.level or self.request)

    def keeps(self, entry: Entry) -> bool:
        if self.level in LEVELS and entry.level not in LEVELS[: LEVELS.index(self.level) + 1]:
            return False
        if self.request and entry.request_id != self.request:
            return False
        return self.text.casefold() in entry.text.casefold()


def entries_of(text: str) -> list[Entry]:
    """The entries of whole lines, in their order."""
    return list(_joined(_line(line) for line in _COLOURS.sub("", text).splitlines()))


def blocks_of(entries: Iterable[Entry]) -> list[Block]:
    """Entries together that follow each other and belong to one request."""
    blocks: list[Block] = []
    for entry in entries:
        if blocks and blocks[-1].request_id == entry.request_id:
            blocks[-1] = replace(blocks[-1], entries=(*blocks[-1].entries, entry))
        else:
            blocks.append(Block(entry.request_id, (entry,)))
    return blocks


def _line(line: str) -> Entry:
    if found := _SERVER.match(line):
        return Entry(found["text"], _LETTERS[found["level"]], found["time"], found["id"] or "")
    if line.startswith("{") and (facts := _json(line)):
        time = str(facts.get("time", "")).replace("T", " ").removesuffix("Z")
        level = str(facts.get("level", "")) if facts.get("source") == "scoring" else _level_in(facts["message"])
        return Entry(facts["message"], level, time, str(facts.get("request_id", "")))
    if found := _PRINTED.match(line):
        return Entry(found["text"], _level_in(found["text"]), request_id=found["id"])
    return Entry(line, _level_in(line))


def _json(line: str) -> dict[str, Any] | None:
    """The facts of a line in JSON; None for any other line."""
    try:
        facts = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    return facts if isinstance(facts, dict) and isinstance(facts.get("message"), str) and "source" in facts else None


def _level_in(text: str) -> str:
    """What a script's logger calls the level of a line."""
    found = _LEVEL_WORD.search(text[:_WORD_WITHIN])
    return _WORDS.get(found[1], "info") if found else ""


def _joined(lines: Iterator[Entry]) -> Iterator[Entry]:
    """Lines of one traceback become one entry."""
    trace: list[Entry] = []
    for line in lines:
        if trace and _continues(trace, line):
            trace.append(line)
            continue
        yield from _finished(trace)
        trace = [line] if line.text.startswith(tracebacks.BEGIN) else []
        if not trace:
            yield line
    yield from _finished(trace)


def _continues(trace: list[Entry], line: Entry) -> bool:
    """Frames are indented; the first line that is not, is the exception; another traceback may be chained to it."""
    last, is_gap = trace[-1].text, line.text in GAPS
    if line.request_id != trace[0].request_id:
        return False
    if last in GAPS:
        return is_gap or line.text.startswith(tracebacks.BEGIN)
    has_ended = not last.startswith((" ", tracebacks.BEGIN))
    return is_gap if has_ended else True


def _finished(trace: list[Entry]) -> Iterator[Entry]:
    """The entry of a traceback, and the empty lines behind it that turned out not to lead to another one."""
    end = len(trace)
    while end and not trace[end - 1].text:
        end -= 1
    if end:
        text = tracebacks.shorten("\n".join(line.text for line in trace[:end]))
        yield replace(trace[0], text=text, level="error")
    yield from trace[end:]
