"""Text files as people have them, decoded as pip decodes requirements files."""

import codecs
import io
import re
from pathlib import Path

from slipway.errors import Misuse

MARKS = (  # longer ones first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"\A(?:[^\n]*\n)?#[^\n]*?coding[:=]\s*([-\w.]+)")


def read(file: Path) -> str:
    """The text of a file. Raises `Misuse` for a file that cannot be read, or is no text."""
    try:
        return decode(file.read_bytes())
    except (OSError, ValueError) as reason:
        raise Misuse(f"{file} cannot be read: {getattr(reason, 'strerror', None) or reason}") from reason


def decode(content: bytes) -> str:
    """The text, by its byte order mark, by the encoding that its first lines declare, else UTF-8, else Latin-1.

    Lines end with a line feed alone, whatever they ended with. Raises ValueError for what is no text.
    """
    lines = io.StringIO(_decode(content), newline=None)
    return lines.read()


def _decode(content: bytes) -> str:
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding)
    if b"\0" in content:
        raise ValueError("it holds zero bytes; save it as UTF-8")
    if declared := _DECLARED.match(content):
        return _declared(content, declared[1].decode("ascii", "replace"))
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")  # knows every byte; what is no comment is ASCII anyway


def _declared(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except (LookupError, UnicodeError) as reason:
        raise ValueError(f"it is not in {encoding[:40]}, which it says it is in; save it as UTF-8") from reason
