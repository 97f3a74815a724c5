"""Image files, as the body or in a multipart form: decoded, resized and laid out for the model.

Needs Pillow. Numbers are 0 to 255 for integer inputs and 0 to 1 for floating-point ones; any other normalisation is
the model's own. Several files become the rows of one batch. Greyscale images of 16 bits and of floats keep their depth
(`image_depths`).
"""

import io
from typing import Any, NamedTuple

import numpy as np

from scoring.core.answer import Answer
from scoring.core.errors import ScoringError, bad_input
from scoring.core.model import Model
from scoring.core.request import Request
from scoring.core.tensors import Array, Tensor
from scoring.forms import Inputs
from scoring.forms.image_depths import DEPTHS, scaled_to_unit
from scoring.forms.outputs import output_writers
from scoring.forms.short import short

MODES = {1: "L", 3: "RGB"}
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
MAX_PIXELS = 64_000_000  # of a request: a small file can claim to be huge
TYPES = ("UINT8", "FP16", "FP32", "FP64")


class Layout(NamedTuple):
    """How an input holds images; -1 for a free height or width."""

    tensor: Tensor
    channels: int
    height: int
    width: int
    channels_first: bool


class Images:
    """For models with one input of shape [N, 3 or 1, height, width], or with the channels last."""

    def __init__(self, model: Model) -> None:
        self._names = model.output_names
        self._outputs = output_writers(model)
        self._layout = _layout_of(list(model.required_inputs.values()))

    def decode(self, request: Request) -> Inputs:
        layout = self._layout
        if layout is None:
            message = "this model takes no images: that needs one input of shape [N, 3, height, width] or alike"
            raise ScoringError(415, "unsupported_type", message)
        content_type = request.headers.get(b"content-type", b"")
        form = content_type.lower().startswith(b"multipart/")
        files = _files(content_type, request.body) if form else [request.body]
        rows = _rows(files, layout)
        if len({row.shape for row in rows}) > 1:
            raise bad_input("the images have different sizes, and the model does not say which it wants")
        array = np.stack(rows)
        layout.tensor.size_for(array.shape)
        return Inputs(self._names, {layout.tensor.name: array})

    def encode(self, inputs: Inputs, results: list[Any]) -> bytes | Answer:
        return short(self._outputs, inputs, results)


def _layout_of(tensors: list[Tensor]) -> Layout | None:
    if len(tensors) != 1 or tensors[0].datatype not in TYPES or len(tensors[0].shape or ()) != 4:
        return None
    _, first, second, third = tensors[0].shape or ()
    if first in MODES:
        return Layout(tensors[0], first, second, third, channels_first=True)
    if third in MODES:
        return Layout(tensors[0], third, first, second, channels_first=False)
    return None


def _rows(files: list[bytes], layout: Layout) -> list[Array]:
    """The images as rows of the input."""
    rows: list[Array] = []
    left = MAX_PIXELS
    for file in files:
        picture = _picture(file, MODES[layout.channels], left)
        rows.append(_row(picture, layout))
        left -= max(picture.width * picture.height, rows[-1].size // layout.channels)  # small ones may be enlarged
    return rows


def _picture(file: bytes, mode: str, max_pixels: int) -> Any:
    """A decoded image; 400 where it has more pixels, or is none."""
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError as error:
        message = "images need Pillow: add pillow to the environment of the service"
        raise ScoringError(415, "unsupported_type", message) from error
    try:
        with Image.open(io.BytesIO(file), formats=FORMATS) as opened:
            if opened.width * opened.height > max_pixels:
                size = f"an image of {opened.width} x {opened.height} is too large"
                raise bad_input(f"{size}: all images of a request have {MAX_PIXELS} pixels at most")
            return scaled_to_unit(opened) or ImageOps.exif_transpose(opened).convert(mode)
    except UnidentifiedImageError as error:  # its text names a Python object
        raise _no_image(f"it is none of them, or of another depth than {DEPTHS}") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _no_image(str(error)) from error


def _no_image(why: str) -> ScoringError:
    return bad_input(f"the body is no image that can be read ({', '.join(FORMATS)}): {why}")


def _row(picture: Any, layout: Layout) -> Array:
    """An image in the size and number type of the input."""
    from PIL import Image

    width, height = (
        wanted if wanted > 0 else own for wanted, own in zip((layout.width, layout.height), picture.size, strict=True)
    )
    if (width, height) != picture.size:
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    values = np.asarray(picture).reshape(height, width, -1)
    if values.shape[2] != layout.channels:  # one scaled to 0 to 1 is greyscale
        values = np.broadcast_to(values, (height, width, layout.channels))
    if layout.channels_first:
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(_scaled(values, np.dtype(layout.tensor.dtype)))


def _scaled(values: Array, wanted: np.dtype[Any]) -> Array:
    """Bytes, or floats from 0 to 1, as the input's type has them."""
    if wanted.kind == "u":
        return values if values.dtype.kind == "u" else np.rint(values * 255).astype(wanted)
    return (values if values.dtype.kind == "f" else values / np.float32(255)).astype(wanted)


def _files(content_type: bytes, body: bytes) -> list[bytes]:
    """The files of a multipart form: parts with a file name, or of an image type."""
    from email.parser import BytesParser

    message = BytesParser().parsebytes(b"content-type: " + content_type + b"\r\n\r\n" + body)
    if message.defects or not message.is_multipart():
        defects = ", ".join(type(defect).__name__ for defect in message.defects)
        raise bad_input(f"the body is not multipart/form-data as its content type says: {defects or 'no parts'}")
    parts = [part for part in message.walk() if part.get_filename() or part.get_content_maintype() == "image"]
    files = [file for part in parts if isinstance(file := part.get_payload(decode=True), bytes)]
    if not files:
        raise bad_input("the form holds no file")
    return files
