"""Text that did not come as plain UTF-8: with a byte order mark, or in UTF-16 or UTF-32, as Windows writes it."""

import codecs
import json
import re

from scoring.core.errors import ScoringError

MARKS = {  # the longer ones first: that of UTF-16 begins that of UTF-32
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
CHARSET = re.compile(rb"charset\s*=\s*\"?(utf-(?:16|32)(?:le|be)?)\b", re.IGNORECASE)


def plain_json(raw: bytes) -> bytes | None:
    """JSON as UTF-8 without a byte order mark (RFC 8259, 8.1); None if it is that already, 400 if undecodable."""
    encoding = json.detect_encoding(raw)
    return None if encoding == "utf-8" else _decoded(raw, encoding, "not_json").encode()


def text_of(raw: bytes, content_type: bytes = b"") -> str:
    """A text decoded as its byte order mark or its content type says, else as UTF-8; 400 if it cannot be."""
    marked = next((encoding for mark, encoding in MARKS.items() if raw.startswith(mark)), None)
    declared = CHARSET.search(content_type)
    return _decoded(raw, marked or (declared[1].decode() if declared else "utf-8"))


def _decoded(raw: bytes, encoding: str, code: str = "bad_input") -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        began = "" if encoding.startswith("utf-8") else f", and no {encoding.upper()}, as which it begins"
        raise ScoringError(400, code, f"the body is not UTF-8 text{began}: {error}") from error
