"""The body of a request as it is given on the command line: the text itself, @file, or - for standard input."""

import sys
from pathlib import Path

from slipway.errors import Misuse
from slipway.text_files import MARKS


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
    mark, encoding = next((pair for pair in MARKS if body.startswith(pair[0])), (b"", ""))
    if not mark:
        return body
    try:
        return body[len(mark) :].decode(encoding).encode()
    except UnicodeDecodeError as reason:
        where = f"{reason.reason} at byte {reason.start}"
        raise Misuse(f"The request begins as {encoding} and is not: {where}.") from reason


def is_json(content_type: str) -> bool:
    """Does a media type, with or without parameters, say JSON?"""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")
