"""The body of a request as it is given on the command line: the text itself, @file, or - for standard input."""

import codecs
import sys
from pathlib import Path

from slipway.errors import Misuse

# UTF-32's mark begins with UTF-16's, so that it is looked for first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read(data: str) -> bytes:
    """The bytes as they are. Raises `Misuse` for a file that cannot be read."""
    if data == "-":
        return sys.stdin.buffer.read()
    if not data.startswith("@"):
        return data.encode("utf-8", "surrogateescape")
    try:
        return Path(data[1:]).read_bytes()
    except (OSError, ValueError) as reason:
        raise Misuse(f"{data[1:]} cannot be read: {getattr(reason, 'strerror', None) or reason}") from reason


def unmarked(body: bytes) -> bytes:
    """JSON in UTF-8 without a byte order mark, which editors on Windows write and JSON does not allow.

    Raises `Misuse` where the text is not what its mark says.
    """
    encoding = next((name for mark, name in _MARKS if body.startswith(mark)), None)
    if encoding is None:
        return body
    try:
        return body.decode(encoding).encode()
    except UnicodeDecodeError as reason:
        raise Misuse(
            f"The request begins as {encoding} and is not: {reason.reason} at byte {reason.start}."
        ) from reason


def is_json(content_type: str) -> bool:
    """Does a media type, with or without parameters, say JSON?"""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")
