"""Requirements files as people have them: bytes to text to whole lines, as pip reads them. Pure.

PowerShell writes UTF-16 or UTF-8 with a byte order mark, editors on Windows the local code page, and what pip-compile
writes goes on over many lines.
"""

import codecs
import re
from collections.abc import Iterator

from studio.core.errors import BadInput

MAX_BYTES = 1024 * 1024
MARKS = (  # longer ones first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
FALLBACK = "latin-1"  # knows every byte; what is no comment is ASCII anyway, or refused
NO_FILES_ENCODING = {"idna", "punycode", "raw-unicode-escape", "unicode-escape"}  # some need minutes for a megabyte
_DECLARED = re.compile(rb"\A(?:[^\n]*\n)?#[^\n]*?coding[:=]\s*([-\w.]+)")
_LINE_END = re.compile(r"\r\n|\r|\n")  # not `splitlines`, for which characters inside a comment end a line, too
_COMMENT = re.compile(r"(^|\s)#.*$")


def decode(content: bytes) -> str:
    """The text, by its byte order mark, by the encoding that its first lines declare, else UTF-8, else Latin-1.

    Raises `BadInput` where that is no text.
    """
    if len(content) > MAX_BYTES:
        raise _unreadable(f"It has more than {MAX_BYTES // 1024} KiB.", "Send the list of requirements only.")
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return _decoded(content[len(mark) :], encoding)
    if b"\0" in content:
        raise _unreadable(
            "It holds zero bytes: it is no text, or UTF-16 without a byte order mark.", "Save it as UTF-8."
        )
    if declared := _DECLARED.match(content):
        return _decoded(content, declared[1].decode("ascii", errors="replace"))
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode(FALLBACK)


def _decoded(content: bytes, encoding: str) -> str:
    try:
        if codecs.lookup(encoding).name.replace("_", "-") in NO_FILES_ENCODING:
            raise LookupError(encoding)
        return content.decode(encoding)
    except (LookupError, ValueError) as reason:
        raise _unreadable(f"It is not in {encoding[:40]}, which it says it is in.", "Save it as UTF-8.") from reason


def lines_of(text: str) -> list[str]:
    """The lines as the file has them, without a byte order mark."""
    return _LINE_END.split(text.removeprefix("\ufeff"))


def whole_lines(text: str) -> Iterator[tuple[int, str]]:
    """What the lines say, each with the number of its first line: a backslash at the end joins the next one.

    Comments are left out, and so are lines that hold nothing else. A comment that stands alone is never continued.
    """
    parts: list[str] = []
    first = 0
    for number, line in enumerate(lines_of(text), 1):
        first = first if parts else number
        comment = line.lstrip().startswith("#")
        goes_on = line.endswith("\\") and not comment
        parts.append(line[:-1] if goes_on else f" {line}" if comment else line)
        if not goes_on:
            yield from _line_of(first, parts)
            parts = []
    yield from _line_of(first, parts)


def _line_of(number: int, parts: list[str]) -> Iterator[tuple[int, str]]:
    text = _COMMENT.sub("", "".join(parts)).strip()
    if text:
        yield number, text


def _unreadable(why: str, hint: str) -> BadInput:
    return BadInput(f"The file cannot be read. {why}", code="bad_requirement", hint=hint, field="requirements")
