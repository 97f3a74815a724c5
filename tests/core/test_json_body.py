"""JSON bodies that are invalid, or that cannot be stored."""

import pytest

from studio.core.errors import BadInput
from studio.core.json_body import MAX_DEPTH, read_json

BAD = {
    "empty": b"",
    "cut off": b'{"a": ',
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"a":' * 200_000,
    "closed but deep": b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2),
    "endless digits": b"1" * 5000,
    "too large a number": b"1e400",
    "too small a number": b"[-1e400]",
    "NaN": b'{"a": NaN}',
    "Infinity": b"-Infinity",
    "half a surrogate pair": b'{"a": ["\\ud800"]}',
    "half a surrogate pair as a name": b'{"\\udfff": 1}',
    "NUL": b'["a\\u0000b"]',
    "no UTF-8": b'{"a": "\xff\xfe\xfd"}',
    "latin-1": '{"a": "é"}'.encode("latin-1"),
    "name twice": b'{"a": {"b": 1, "b": 2}}',
}


@pytest.mark.parametrize("raw", BAD.values(), ids=BAD.keys())
def test_invalid_body_is_bad_input(raw):
    with pytest.raises(BadInput):
        read_json(raw)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_body_is_read_in_every_unicode_encoding(encoding):
    assert read_json('{"ä": ["𝄞", 1, 2.5, null, true]}'.encode(encoding)) == {"ä": ["𝄞", 1, 2.5, None, True]}


def test_pairs_of_surrogates_are_one_character():
    assert read_json(b'"\\ud834\\udd1e"') == "𝄞"


def test_many_duplicate_names_are_reported():
    names = ", ".join(f'"{number}": 0' for number in range(300_000))
    with pytest.raises(BadInput, match="'last' is given twice"):
        read_json(f'{{{names}, "last": 1, "last": 2}}'.encode())
