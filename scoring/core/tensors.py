"""Tensors on the wire: the Open Inference Protocol's datatypes, strict reading of JSON values, writing results.

Reading is strict: a string is not a number, 1.5 is not an integer, 300 is no UINT8. 3.0 is one: pandas and others
write whole numbers so; beyond 2**53, where a number with a point is not exact, it is refused. In floating-point
tensors `null` stands for NaN, both ways, since JSON has no other word for it; Infinity is refused on the
way in and becomes `null` on the way out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring.core.errors import ScoringError, bad_input

Array = NDArray[Any]
DEEPEST = 16
MOST_DIMENSIONS = 32  # that every version of numpy holds
MOST_VALUES = 2**48  # beyond, with dimensions of 0 left out, numpy refuses even what holds no value
SHAPES_KEPT = 1024
NULL, FLOAT = "got `null`", "got `float`"  # what msgspec says of values of other types


def _between(low: int, high: int) -> Any:
    return Annotated[int, msgspec.Meta(ge=low, le=high)]


_FLOAT = float | None
_UINT64 = Annotated[int, msgspec.Meta(ge=0)]  # msgspec bounds end at 2**63 - 1; numpy checks the upper one

# datatype: numpy type, what an element is in JSON, ONNX Runtime's name
DATATYPES: dict[str, tuple[Any, Any, str]] = {
    "BOOL": (np.bool_, bool, "bool"),
    "UINT8": (np.uint8, _between(0, 255), "uint8"),
    "UINT16": (np.uint16, _between(0, 65535), "uint16"),
    "UINT32": (np.uint32, _between(0, 2**32 - 1), "uint32"),
    "UINT64": (np.uint64, _UINT64, "uint64"),
    "INT8": (np.int8, _between(-128, 127), "int8"),
    "INT16": (np.int16, _between(-32768, 32767), "int16"),
    "INT32": (np.int32, _between(-(2**31), 2**31 - 1), "int32"),
    "INT64": (np.int64, _between(-(2**63), 2**63 - 1), "int64"),
    "FP16": (np.float16, _FLOAT, "float16"),
    "FP32": (np.float32, _FLOAT, "float"),
    "FP64": (np.float64, _FLOAT, "double"),
    "BYTES": (np.object_, str, "string"),
}
BY_RUNTIME_NAME = {f"tensor({runtime})": name for name, (_, _, runtime) in DATATYPES.items()}


def _decoders(element: Any) -> tuple[msgspec.json.Decoder[Any], ...]:
    made = []
    for _ in range(DEEPEST):
        made.append(msgspec.json.Decoder(element))
        element = list[element]
    return tuple(made)


EXACT = 2**53  # below, every whole number is a floating-point one of 64 bits, and no other number is read as it

# index: how deep the lists are nested; 0 is a bare value
DECODERS = {name: _decoders(element) for name, (_, element, _) in DATATYPES.items()}
NUMBERS = _decoders(int | float)


@dataclass
class Tensor:
    """One input or output of a model: `shape` has -1 for a free dimension, and is None for any shape at all.

    An `optional` input has a default in the model's file.
    """

    name: str
    datatype: str
    shape: tuple[int, ...] | None
    optional: bool = False
    dtype: Any = field(init=False)
    _sizes: dict[tuple[int, ...], int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.dtype = DATATYPES[self.datatype][0]
        self._flat = DECODERS[self.datatype][1]

    def size_for(self, shape: Sequence[int]) -> int:
        """Elements of a tensor of this shape, once it is sure that the model takes the shape."""
        key = tuple(shape)
        size = self._sizes.get(key)
        if size is None:
            self._check(key)
            size = math.prod(key)
            if len(self._sizes) < SHAPES_KEPT:
                self._sizes[key] = size
        return size

    def of_all_rows(self, array: Array) -> Array:
        """What a tensor gets from values by row: those, or the one of all rows where it has no rows of its own.

        It has none where it is a scalar, or a default whose first size is fixed.
        """
        if self.shape is None or (self.shape and (not self.optional or self.shape[0] == -1)):
            return array
        if len(array) > 1 and not np.array_equal(array[1:], array[:-1], equal_nan=array.dtype.kind == "f"):
            raise bad_input(f"input {self.name!r} has one value for all rows, and not all rows have the same")
        value = np.asarray(array[0], array.dtype)  # not a scalar of numpy's, which the runtime does not take
        return value.reshape(self.shape) if value.size == math.prod(self.shape) else value

    def _check(self, shape: tuple[int, ...]) -> None:
        fits = self.shape is None or (
            len(shape) == len(self.shape)
            and all(wanted in (-1, given) for wanted, given in zip(self.shape, shape, strict=True))
        )
        if not fits or any(dimension < 0 for dimension in shape):
            raise bad_input(f"input {self.name!r} has shape {list(shape)}, the model takes {self.told_shape}")
        if len(shape) > MOST_DIMENSIONS or math.prod(dimension or 1 for dimension in shape) > MOST_VALUES:
            raise bad_input(f"input {self.name!r} has a shape that no tensor can have: {list(shape)}")

    @property
    def told_shape(self) -> str:
        return "any shape" if self.shape is None else str(list(self.shape)).replace("-1", "any")

    def read(self, raw: msgspec.Raw | bytes, shape: Sequence[int]) -> Array:
        """The tensor from the JSON text of its values, flat in row-major order or nested as its shape says."""
        self.size_for(shape)
        try:
            array = np.array(self._flat.decode(raw), self.dtype)
        except msgspec.DecodeError:
            return self._read_nested(raw, shape)
        except UnicodeDecodeError as error:
            raise self._not_utf8() from error
        except (OverflowError, FloatingPointError) as error:
            raise bad_input(f"input {self.name!r}: a value does not fit into {self.datatype}") from error
        return self._shaped(array, shape)

    def _shaped(self, array: Array, shape: Sequence[int]) -> Array:
        """Flat values in the shape that the model takes."""
        size = self.size_for(shape)
        if array.size != size:
            raise bad_input(f"input {self.name!r} has {array.size} values, its shape {list(shape)} needs {size}")
        return array.reshape(tuple(shape))

    def _read_nested(self, raw: msgspec.Raw | bytes, shape: Sequence[int]) -> Array:
        if not bytes(raw):
            binary = "`binary_data_size` with the header Inference-Header-Content-Length"
            raise bad_input(f'input {self.name!r} has no values: give "data", or {binary}')
        array = self.read_as_nested(raw)
        if array.ndim == 1:  # flat, and read as nested for whole numbers that are written as 3.0
            return self._shaped(array, shape)
        if array.shape != tuple(shape):
            message = f"input {self.name!r}: the values are nested as {list(array.shape)}, the shape says {list(shape)}"
            raise bad_input(message)
        return array

    def read_as_nested(self, raw: msgspec.Raw | bytes) -> Array:
        """The tensor whose shape is how its values are nested."""
        deep = depth(bytes(raw))
        if deep >= DEEPEST:
            raise bad_input(f"input {self.name!r} is nested deeper than {DEEPEST - 1} lists")
        try:
            array = np.array(self._values(raw, deep), self.dtype)
        except msgspec.ValidationError as error:
            missing = "a value is missing: " if NULL in str(error) else ""
            raise bad_input(f"input {self.name!r} ({self.datatype}): {missing}{error}") from error
        except UnicodeDecodeError as error:
            raise self._not_utf8() from error
        except (OverflowError, FloatingPointError) as error:
            raise bad_input(f"input {self.name!r}: a value does not fit into {self.datatype}") from error
        except ValueError as error:
            raise self._uneven() from error
        if array.ndim != deep:  # numpy has taken lists for values, which it does where values are texts
            raise self._uneven()
        return array

    def _values(self, raw: msgspec.Raw | bytes, deep: int) -> Any:
        """Nested values; whole numbers may be written as 3.0 or 3e0."""
        decoder = DECODERS[self.datatype][deep]
        try:
            return decoder.decode(raw)
        except msgspec.ValidationError as error:
            if not self.is_whole or FLOAT not in str(error):
                raise
        return decoder.decode(msgspec.json.encode(_whole(NUMBERS[deep].decode(raw))))

    @property
    def is_whole(self) -> bool:
        """Whether its values are whole numbers."""
        return "INT" in self.datatype

    def _not_utf8(self) -> ScoringError:
        return bad_input(f"input {self.name!r} holds a text that is not UTF-8")

    def _uneven(self) -> ScoringError:
        return bad_input(f"input {self.name!r}: lists of different length stand side by side")


def _whole(value: Any) -> Any:
    """Nested numbers with those that are whole as integers; others stay what they are, and are refused as such."""
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < EXACT else value


def depth(text: bytes) -> int:
    """How many lists open before the first value."""
    opened = 0
    for byte in text:
        if byte == 0x5B:
            opened += 1
        elif byte not in b" \t\r\n":
            break
    return opened


def writable(array: Array) -> Any:
    """An array as the JSON encoder takes it: contiguous numbers as they are, text as a list, a scalar as itself."""
    if array.dtype == np.object_ or array.dtype.kind in "SU":
        return _texts(array.tolist())
    if array.ndim == 0:  # the encoder knows no array of rank 0, and no scalar of numpy's long long
        return array[()] if array.dtype.kind == "f" else array.item()
    return np.ascontiguousarray(array)


def _texts(value: Any) -> Any:
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
