"""One array in numpy's own file format, `application/x-npy`; the answer too, where `Accept` says so."""

import io
import math
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy

from scoring.core.answer import Answer
from scoring.core.errors import ScoringError, bad_input
from scoring.core.model import Model
from scoring.core.request import Request
from scoring.core.tensors import Array
from scoring.forms import Inputs
from scoring.forms.arrays import as_array, as_input, only_input
from scoring.forms.outputs import output_writers
from scoring.forms.short import short

CONTENT_TYPE = b"application/x-npy"
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class Npy:
    """For models with one input."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._outputs = output_writers(model)

    def decode(self, request: Request) -> Inputs:
        tensor = only_input(self._model.required_inputs, "npy")
        npy_accepted = CONTENT_TYPE in request.headers.get(b"accept", b"").lower()
        if npy_accepted and len(self._model.output_names) > 1:
            message = f"npy holds one array, and the model gives {', '.join(self._model.output_names)}: accept JSON"
            raise ScoringError(406, "not_acceptable", message)
        return Inputs(self._model.output_names, {tensor.name: as_input(tensor, _array(request.body))}, npy_accepted)

    def encode(self, inputs: Inputs, results: list[Any]) -> bytes | Answer:
        if not inputs.rest:
            return short(self._outputs, inputs, results)
        file = io.BytesIO()
        npy.write_array(file, as_array(self._outputs[inputs.output_names[0]], results[0]), allow_pickle=False)
        return Answer(file.getvalue(), CONTENT_TYPE)


def _array(body: bytes) -> Array:
    """Without a copy, and never by unpickling."""
    file = io.BytesIO(body)
    try:
        read_header = HEADERS[npy.read_magic(file)]
        shape, in_columns, dtype = read_header(file)
    except (ValueError, KeyError, TypeError, SyntaxError, TokenError) as error:
        raise bad_input(f"the body is no npy file that can be read: {error}") from error
    if dtype.kind not in "biufSU" or not dtype.itemsize or any(size < 0 for size in shape):
        raise bad_input(f"an npy array of {dtype} and shape {list(shape)} cannot be read: numbers and text can")
    size = math.prod(shape) * dtype.itemsize
    if size != len(body) - file.tell():
        left = len(body) - file.tell()
        raise bad_input(f"the npy header speaks of {size} bytes, the body has {left} behind it")
    array: Array = np.frombuffer(memoryview(body)[file.tell() :], dtype)
    try:
        return array.reshape(shape, order="F" if in_columns else "C")
    except (ValueError, OverflowError) as error:  # of one without values: the body has no more than it says
        raise bad_input(f"no array can have the shape {list(shape)}") from error
