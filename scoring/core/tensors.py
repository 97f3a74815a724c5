"""What a model takes and gives: named tensors of the Open Inference Protocol's datatypes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.core.errors import bad_input

Array = NDArray[Any]
Feed = dict[str, Array]  # the inputs of a run by name
MAX_DIMENSIONS = 32  # that every version of numpy holds
MAX_VALUES = 2**48  # beyond, with dimensions of 0 left out, numpy refuses even what holds no value
CACHED_SHAPES = 1024
FREE = -1  # a dimension of any size

# datatype: numpy type
DATATYPES: dict[str, Any] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}


@dataclass
class Tensor:
    """One input or output of a model.

    `shape` has -1 for a free dimension, and is None where any shape is taken. `dimension_names` has, by place, the
    names that the model gives to free dimensions, None for others: those with one name have one size. An `optional`
    input has a default. Results of an output with `maps` are no array, but a list of dicts, one for each row (as
    classifiers give probabilities by class).
    """

    name: str
    datatype: str
    shape: tuple[int, ...] | None
    optional: bool = False
    dimension_names: tuple[str | None, ...] = ()
    maps: bool = False
    dtype: Any = field(init=False)
    kind: str = field(init=False)  # as numpy's `dtype.kind`
    _sizes: dict[tuple[int, ...], int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.dtype = DATATYPES[self.datatype]
        self.kind = np.dtype(self.dtype).kind
        self.dimension_names = self.dimension_names or (None,) * len(self.shape or ())

    def size_for(self, shape: Sequence[int]) -> int:
        """The number of elements of a tensor of this shape; 400 where the model does not take the shape."""
        key = tuple(shape)
        size = self._sizes.get(key)
        if size is None:
            self._check(key)
            size = math.prod(key)
            if len(self._sizes) < CACHED_SHAPES:
                self._sizes[key] = size
        return size

    def zeros(self) -> Array:
        """Zeros, or empty texts, with free dimensions as 1."""
        shape = [1 if size == FREE else size for size in self.shape or ()]
        return np.full(shape, "", dtype=object) if self.datatype == "BYTES" else np.zeros(shape, self.dtype)

    def from_rows(self, array: Array) -> Array:
        """The tensor for values given by row: those values, or a single one where the tensor has no rows.

        It has none where it is a scalar, or a default whose first dimension is fixed; 400 where rows then differ.
        """
        if self.shape is None or (self.shape and (not self.optional or self.shape[0] == FREE)):
            return array
        if len(array) > 1 and not np.array_equal(array[1:], array[:-1], equal_nan=array.dtype.kind == "f"):
            raise bad_input(f"input {self.name!r} has one value for all rows, and not all rows have the same")
        value = np.asarray(array[0], array.dtype)  # not a numpy scalar, which runtimes do not take
        return value.reshape(self.shape) if value.size == math.prod(self.shape) else value

    def _check(self, shape: tuple[int, ...]) -> None:
        fits = self.shape is None or (
            len(shape) == len(self.shape)
            and all(declared in (FREE, given) for declared, given in zip(self.shape, shape, strict=True))
        )
        if not fits or any(dimension < 0 for dimension in shape):
            raise bad_input(f"input {self.name!r} has shape {list(shape)}, the model takes {self.shape_text}")
        if len(shape) > MAX_DIMENSIONS or math.prod(dimension or 1 for dimension in shape) > MAX_VALUES:
            raise bad_input(f"input {self.name!r} has a shape that no tensor can have: {list(shape)}")

    @property
    def shape_text(self) -> str:
        """`[any, 4]`, for messages."""
        return "any shape" if self.shape is None else str(list(self.shape)).replace("-1", "any")


def required(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inputs that have no default."""
    return {name: tensor for name, tensor in inputs.items() if not tensor.optional}


def describe_tensors(tensors: Mapping[str, Tensor]) -> str:
    """`x (FP32, [any, 4]), y (INT64, [1])`, for messages."""
    return ", ".join(
        f"{name} ({tensor.datatype}, {tensor.shape_text}{', optional' if tensor.optional else ''})"
        for name, tensor in tensors.items()
    )


def refuse_overflow() -> None:
    """Make numbers too large for a tensor's type an error of the request, not infinity, in this thread."""
    np.seterr(over="raise")
