"""How large an Arrow stream becomes when it is read, found out before it is: a small one can become huge.

Its buffers may be compressed: the metadata of a message is a FlatBuffer (Arrow's IPC format, Message.fbs), of which a
few fields are looked up here by hand; a compressed buffer begins with its decompressed length, or with -1 where it is
stored as it is. And values may share their bytes: rows of a dictionary, views of texts, columns.
"""

import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from scoring.core.errors import bad_input

MAX_WIDTH = 8  # bytes of a number, or of an offset in a text
HEADER, DICTIONARY_DATA, BUFFERS, COMPRESSION = 2, 1, 2, 3  # numbers of fields: Message, DictionaryBatch, RecordBatch
BATCHES = ("record batch", "dictionary")
LEGACY = b"ARROW:experimental_compression"  # the mark of compressed buffers in Arrow 0.17
_short, _int, _long = struct.Struct("<H"), struct.Struct("<i"), struct.Struct("<q")


class ByteBudget:
    """Bytes that a table may fill."""

    def __init__(self, limit: int) -> None:
        self._limit = self._left = limit

    def spend(self, size: int) -> None:
        """Take so many from what is left; 400 where that is not enough."""
        self._left -= size
        if self._left < 0:
            raise bad_input(
                f"decompressed, with every value stored by itself, the table has more than {self._limit} bytes"
            )


def decompressed_size(pa: Any, body: bytes) -> int:
    """Bytes of all compressed buffers of a stream once they are decompressed."""
    messages = pa.ipc.MessageReader.open_stream(body)
    return sum(_decompressed_size(message) for message in messages if message.type in BATCHES)


def _decompressed_size(message: Any) -> int:
    metadata = message.metadata.to_pybytes()
    batch = _follow(metadata, _field(metadata, _follow(metadata, 0), HEADER))
    if message.type == "dictionary":
        batch = _follow(metadata, _field(metadata, batch, DICTIONARY_DATA))
    if not _field(metadata, batch, COMPRESSION) and LEGACY not in metadata:
        return 0
    buffers = _follow(metadata, _field(metadata, batch, BUFFERS))
    first, count = buffers + _int.size, _int.unpack_from(metadata, buffers)[0]
    places = struct.iter_unpack("<qq", metadata[first : first + 16 * count])
    return sum(max(_long.unpack_from(message.body, offset)[0], 0) for offset, length in places if length)


def _field(raw: bytes, table: int, number: int) -> int:
    """The position of a field of a table; 0 where the table lacks it."""
    fields = table - _int.unpack_from(raw, table)[0]
    place = 4 + 2 * number
    known = place < _short.unpack_from(raw, fields)[0]
    offset = _short.unpack_from(raw, fields + place)[0] if known else 0
    return table + offset if offset else 0


def _follow(raw: bytes, place: int) -> int:
    """The position that the offset at this position refers to."""
    offset: int = _int.unpack_from(raw, place)[0]
    return place + offset


def size_in_place(kinds: Any, column: Any) -> int:
    """Bytes of a column's values, each stored by itself; ValueError for types other than numbers, texts and nulls.

    Other types may have nothing in the body, and a billion rows in a few bytes.
    """
    encoded = kinds.is_dictionary(column.type)
    kind = column.type.value_type if encoded else column.type
    numbers = is_any(kind, kinds.is_boolean, kinds.is_integer, kinds.is_floating)
    texts = is_any(kind, kinds.is_string, kinds.is_large_string)
    if encoded and (numbers or texts):
        return MAX_WIDTH * len(column) + (_texts_of_dictionary(column) if texts else 0)
    if numbers or texts:
        return int(column.nbytes)
    if str(kind) == "string_view":
        return MAX_WIDTH * len(column) + _texts_of_views(column)
    if kinds.is_null(kind):
        return MAX_WIDTH * len(column)
    raise ValueError("only numbers, texts, and lists of them can be")


def is_any(kind: Any, *kinds: Callable[[Any], bool]) -> bool:
    """Whether one of these predicates holds for it."""
    return any(is_kind(kind) for is_kind in kinds)


def _texts_of_dictionary(column: Any) -> int:
    from pyarrow import compute

    return compute.binary_length(column.dictionary).take(column.indices).sum().as_py() or 0


def _texts_of_views(column: Any) -> int:
    """The first four bytes of a view's sixteen are the length of its text."""
    lengths = np.frombuffer(column.buffers()[1], np.uint32)[::4]
    return int(lengths[column.offset :][: len(column)].sum(dtype=np.int64))
