"""Requirements files become the same text here as in the studio."""

import codecs

import pytest

from registry.environments import requirement_files
from slipway import text_files
from studio.core.errors import BadInput

GOOD = {
    "UTF-8": "numpy  # größer\n".encode(),
    "mark of UTF-8": codecs.BOM_UTF8 + "numpy  # größer\n".encode(),
    "mark of UTF-16": "numpy  # größer\n".encode("utf-16"),
    "mark of UTF-16, big-endian": codecs.BOM_UTF16_BE + "numpy\n".encode("utf-16-be"),
    "mark of UTF-32": "numpy\n".encode("utf-32"),
    "Latin-1 by default": "numpy  # größer\n".encode("latin-1"),
    "declared first": "# -*- coding: cp1252 -*-\nnumpy  # €\n".encode("cp1252"),
    "declared second": "\n# coding=cp1251\nnumpy  # ж\n".encode("cp1251"),
    "declared too late": "\n\n# coding: cp1251\nnumpy  # ж\n".encode("cp1251"),
    "declared in no comment": b"numpy\nencoding: cp1251\n",
    "empty": b"",
}
BAD = {
    "another encoding than declared": "# coding: utf-8\nnumpy  # größer\n".encode("latin-1"),
    "an encoding that nobody knows": b"# coding: klingon\nnumpy\n",
    "no encoding of text": b"# coding: zlib\nnumpy\n",
    "broken UTF-16": codecs.BOM_UTF16_LE + b"n",
    "zero bytes": "numpy".encode("utf-16-le"),
}


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD.keys())
def test_decoded_text_equals_what_the_studio_reads(content):
    assert text_files.decode(content) == requirement_files.decode(content)


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
def test_text_that_the_studio_cannot_decode_is_refused(content):
    with pytest.raises(BadInput):
        requirement_files.decode(content)
    with pytest.raises(ValueError):
        text_files.decode(content)
