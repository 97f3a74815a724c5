"""What `/score` takes besides JSON, by content type.

A body without a type is JSON, and so is one with the type of an HTML form, which curl sends by default.
"""

from typing import Any, NamedTuple

from scoring.core.answer import Answer
from scoring.core.errors import ScoringError
from scoring.core.model import Model
from scoring.core.request import Request
from scoring.forms import Form, Inputs, binary
from scoring.forms.arrow import Arrow
from scoring.forms.images import Images
from scoring.forms.npy import Npy
from scoring.forms.open_inference import OpenInference

JSON_TYPES = frozenset(("", "application/json", "text/json", "text/plain", "application/x-www-form-urlencoded"))


class Delegated(NamedTuple):
    """In `Inputs.rest`: the form that decoded the request, and what it needs to encode the response."""

    form: Form
    rest: Any


class Bodies:
    """The other forms of a model's `/score`."""

    def __init__(self, model: Model, open_inference: OpenInference) -> None:
        images = Images(model)
        self._open_inference = open_inference
        self._forms: dict[str, Form] = {
            "application/x-npy": Npy(model),
            "application/vnd.apache.arrow.stream": Arrow(model),
            "multipart/form-data": images,
            "image/*": images,
        }

    def decode(self, request: Request, content_type: bytes) -> Inputs | None:
        """The request in a body of another type; None when it is JSON under another name, 415 when no form reads it."""
        kind = media_type(content_type)
        if kind in JSON_TYPES or kind.endswith("+json"):
            return None
        form = self._form(kind, request)
        if form is None:
            known = ", ".join(["application/json", *self._forms])
            raise ScoringError(415, "unsupported_type", f"/score does not understand {kind}; it takes {known}")
        inputs = form.decode(request)
        return Inputs(inputs.output_names, inputs.feed, Delegated(form, inputs.rest))

    def _form(self, kind: str, request: Request) -> Form | None:
        if binary.HEADER in request.headers:
            return self._open_inference
        return self._forms.get("image/*" if kind.startswith("image/") else kind)

    def encode(self, inputs: Inputs, results: list[Any]) -> bytes | Answer:
        form, rest = inputs.rest
        answer: bytes | Answer = form.encode(Inputs(inputs.output_names, inputs.feed, rest), results)
        return answer


def media_type(content_type: bytes) -> str:
    """`text/csv` of `Text/CSV; charset=utf-8`."""
    return content_type.partition(b";")[0].strip().decode("latin-1").lower()
