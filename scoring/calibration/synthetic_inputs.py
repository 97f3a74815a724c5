"""Made-up rows for a model: what it is tried with before anybody asks it."""

from math import prod

import numpy as np

from scoring.core.model import Model
from scoring.core.tensors import Array, Feed, Tensor

FREE_DIMENSION = 32  # how long a free dimension is taken to be when nothing is known


def made_up(model: Model, rows: int, free: int = FREE_DIMENSION) -> Feed:
    """Different rows of likely values: whole numbers are 0 or 1, as flags and small indices are."""
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


def likely_shape(tensor: Tensor, rows: int, free: int = FREE_DIMENSION) -> list[int]:
    """The shape of so many rows of an input, if it takes any number; `free` is how long other free dimensions are."""
    sizes = tensor.shape or ()
    return [(free if place else rows) if size == -1 else size for place, size in enumerate(sizes)]


def pseudo_random(begin: int, end: int) -> Array:
    """Whole numbers of 32 bits that look random: a count through MurmurHash3's finalizer (Appleby 2011).

    The import of numpy.random alone was a quarter of the time in which a small service starts.
    """
    numbers = np.arange(begin, end, dtype=np.uint32)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        numbers ^= numbers >> shift
        numbers *= np.uint32(factor)
    return numbers
