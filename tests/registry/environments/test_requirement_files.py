import codecs

import pytest

from registry.environments.requirement_files import MAX_BYTES, decode, lines_of, whole_lines
from studio.core.errors import BadInput

TEXT = "# Abhängigkeiten\r\nidna>=3  # größer\r\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"),
        codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"),
        TEXT.encode("latin-1"),
    ],
)
def test_encoding_is_the_byte_order_mark_else_utf_8_else_latin_1(content):
    assert decode(content) == TEXT


def test_declared_encoding_is_used():
    text = "# coding: shift_jis\nidna  # 表\nsix\n"
    content = text.encode("shift_jis")
    assert b"\\\n" in content  # the last byte of that letter: no end of a line that goes on
    assert [line for _, line in whole_lines(decode(content))] == ["idna", "six"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("idna".encode("utf-16-le"), "zero bytes"),
        (codecs.BOM_UTF16_LE + b"a", "not in utf-16-le"),
        (b"# coding: klingon\nidna", "not in klingon"),
        (b"# coding: hex\nidna", "not in hex"),
        (b"# coding: punycode\nidna", "not in punycode"),
        (b"#" * (MAX_BYTES + 1), "more than 1024 KiB"),
    ],
)
def test_binary_content_is_rejected(content, message):
    with pytest.raises(BadInput, match=message) as refused:
        decode(content)
    assert refused.value.hint


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_endings_of_every_system_are_read(end):
    assert list(whole_lines(f"\ufeffidna{end}{end}six{end}")) == [(1, "idna"), (3, "six")]
    assert lines_of("a # b\x85c\u2028d") == ["a # b\x85c\u2028d"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("idna \\\n  >=3\nsix", [(1, "idna   >=3"), (3, "six")]),
        ("idna\\\n>=3", [(1, "idna>=3")]),
        ("idna \\\n", [(1, "idna")]),
        ("idna \\", [(1, "idna")]),
        ("# no end \\\nidna", [(2, "idna")]),
        ("idna \\\n# between\nsix", [(1, "idna"), (3, "six")]),
        ("\\\n\\\nidna", [(1, "idna")]),
        ("idna # all \\\nof this", [(1, "idna")]),
        ("idna#egg", [(1, "idna#egg")]),
    ],
)
def test_a_backslash_joins_lines_as_pip_does(text, expected):
    assert list(whole_lines(text)) == expected
