"""Greyscale images of more than 8 bits, scaled to 0 to 1: Pillow's own conversions clip them at 255.

Pillow itself reduces colours of 16 bits to the upper 8, which is exact to 1/255.
"""

from typing import Any

import numpy as np

from scoring.core.errors import ScoringError, bad_input
from scoring.core.tensors import Array

DEPTHS = "1 to 8, 12 or 16 bits a channel, or grey floats from 0 to 1"
BITS_PER_SAMPLE, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339  # tags of TIFF
WHITE_IS_ZERO, SIGNED = 0, 2  # a photometric interpretation, and a sample format


def scaled_to_unit(picture: Any) -> Any:
    """The image as floats from 0 to 1 (mode F), turned as its orientation says; None where it has at most 8 bits.

    400 where the range of its numbers is unknown.
    """
    tags = getattr(picture, "tag_v2", {})
    if SIGNED in _all(tags.get(SAMPLE_FORMAT)):
        raise _unknown("its integers have a sign")
    if picture.mode == "F":
        return _oriented(picture, lambda values: _checked(_inverted(values, 1, tags)))
    if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format == "PNG"):  # as Pillow 10 has it
        largest = 2 ** max(_all(tags.get(BITS_PER_SAMPLE)), default=16) - 1
        return _oriented(picture, lambda values: _inverted(values, largest, tags) / np.float32(largest))
    if picture.mode == "I":
        raise _unknown("its integers have 32 bits")
    return None


def _all(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else () if value is None else (value,)


def _oriented(picture: Any, scale: Any) -> Any:
    from PIL import Image, ImageOps

    scaled = Image.fromarray(np.ascontiguousarray(scale(np.asarray(picture)), np.float32))
    orientation = picture.getexif().get(0x0112)
    if orientation is not None:
        scaled.getexif()[0x0112] = orientation
    return ImageOps.exif_transpose(scaled)


def _inverted(values: Array, largest: int, tags: Any) -> Array:
    """Pillow inverts images whose white is 0 only up to 8 bits."""
    return largest - values if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO else values


def _checked(values: Array) -> Array:
    if not values.size or (values.min() >= 0 and values.max() <= 1):  # neither holds for NaN
        return values
    raise _unknown("its floats do not lie from 0 to 1")


def _unknown(why: str) -> ScoringError:
    return bad_input(f"the image cannot be scaled, since {why}: images have {DEPTHS}")
