"""Synthetic rows for a model: what it is tried with before it serves a request."""

from math import prod

import numpy as np

from scoring.core.model import Model
from scoring.core.tensors import FREE, Array, Feed, Tensor

FREE_LENGTH = 32  # of a free dimension when nothing is known


def synthetic_rows(model: Model, rows: int, free: int = FREE_LENGTH) -> Feed:
    """Different rows of likely values: floats from 0 to 1, and integers 0 or 1, as flags and small indices are."""
    feed, begin = {}, 0
    for tensor in model.required_inputs.values():
        shape = likely_shape(tensor, rows, free)
        if tensor.datatype == "BYTES":
            feed[tensor.name] = np.full(shape, "", dtype=object)
            continue
        numbers = pseudo_random(begin, begin := begin + prod(shape))
        likely = numbers * 2.0**-32 if tensor.kind == "f" else numbers >> 31
        feed[tensor.name] = likely.astype(tensor.dtype).reshape(shape)
    return feed


def likely_shape(tensor: Tensor, rows: int, free: int = FREE_LENGTH) -> list[int]:
    """The shape of so many rows of an input: `rows` for a free first dimension, `free` for other free ones."""
    sizes = tensor.shape or ()
    return [(free if place else rows) if size == FREE else size for place, size in enumerate(sizes)]


def pseudo_random(begin: int, end: int) -> Array:
    """Integers of 32 bits that look random: a count through MurmurHash3's finalizer (Appleby 2011).

    Importing numpy.random alone took a quarter of the start of a small service.
    """
    numbers = np.arange(begin, end, dtype=np.uint32)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        numbers ^= numbers >> shift
        numbers *= np.uint32(factor)
    return numbers
