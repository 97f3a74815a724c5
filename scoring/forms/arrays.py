"""Arrays of other libraries, converted to the types that a model takes wherever that changes no value."""

from typing import Any

import numpy as np

from scoring.core.errors import ScoringError, bad_input
from scoring.core.tensors import Array, Tensor
from scoring.forms.outputs import OutputWriter

CONVERTIBLE = {"f": "iuf", "i": "iuf", "u": "iuf", "b": "b"}  # kind of the model's type: kinds that may become it


def as_input(tensor: Tensor, array: Array) -> Array:
    """The array in the input's type, without a copy where it has that already; 400 where a value would change."""
    tensor.size_for(array.shape)
    if tensor.datatype == "BYTES":
        return _texts(tensor, array)
    wanted = np.dtype(tensor.dtype)
    if array.dtype != wanted:
        if array.dtype.kind not in CONVERTIBLE[wanted.kind]:
            raise bad_input(f"input {tensor.name!r} takes {tensor.datatype}, not {array.dtype}")
        array = _converted(tensor, array, wanted)
    return np.require(array, requirements=["C", "A"])


def _converted(tensor: Tensor, array: Array, wanted: np.dtype[Any]) -> Array:
    if wanted.kind in "iu" and array.dtype.kind == "f":
        _refuse_fractions(tensor, array)
    if wanted.kind in "iu" and array.size:
        bounds = np.iinfo(wanted)
        if int(array.min()) < bounds.min or int(array.max()) > bounds.max:
            raise bad_input(f"input {tensor.name!r}: a value does not fit into {tensor.datatype}")
    try:
        with np.errstate(over="raise"):
            return array.astype(wanted)
    except FloatingPointError as error:
        raise bad_input(f"input {tensor.name!r}: a value does not fit into {tensor.datatype}") from error


def _refuse_fractions(tensor: Tensor, array: Array) -> None:
    """Whole numbers may come as floating-point ones, which pandas makes of a column with a gap, while exact."""
    wrong = ~((array == np.trunc(array)) & (np.abs(array) < 2.0 ** (np.finfo(array.dtype).nmant + 1)))
    if wrong.any():
        place = tuple(int(index) for index in np.argwhere(wrong)[0])
        what = "a value is missing (NaN)" if np.isnan(array[place]) else f"{array[place]} is no exact whole number"
        raise bad_input(f"input {tensor.name!r} takes {tensor.datatype}, and {what}, at {list(place)}")


def _texts(tensor: Tensor, array: Array) -> Array:
    try:
        texts = np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array
    except UnicodeDecodeError as error:
        raise bad_input(f"input {tensor.name!r} holds a text that is not UTF-8") from error
    if texts.dtype.kind == "U":
        return texts.astype(object)
    if texts.dtype.kind == "O" and all(type(text) is str for text in texts.flat):
        return texts
    raise bad_input(f"input {tensor.name!r} takes text, not {array.dtype}")


def as_array(output: OutputWriter, result: Any) -> Array:
    """A result as an array of plain numpy types, for formats that hold arrays: texts as such, maps as a matrix."""
    encoded = output.encode(result)
    return np.asarray(encoded["data"]).reshape(encoded["shape"])


def only_input(inputs: dict[str, Tensor], what: str) -> Tensor:
    """The only input of a model; 415 where there are several."""
    if len(inputs) != 1:
        message = f"{what} fills one input, and the model takes {', '.join(inputs)}: send JSON"
        raise ScoringError(415, "unsupported_type", message)
    return next(iter(inputs.values()))
