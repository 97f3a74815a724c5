"""What `/score` takes: the short form `{"data": …}`, or the Open Inference Protocol's, each answered in its own."""

from typing import Any

from scoring import codecs
from scoring.answer import Answer
from scoring.forms import Asked
from scoring.forms.open_inference import OpenInference
from scoring.request import Request
from scoring.session import OnnxModel

SHORT = object()  # in `Asked.rest`: the question came in the short form


class Data:
    """Nested lists for a model with one input, an object of them by name for several; the same way back."""

    def __init__(self, model: OnnxModel, open_inference: OpenInference) -> None:
        self._model = model
        self._open_inference = open_inference

    def decode(self, request: Request) -> Asked:
        raw = request.body if request.method != b"GET" else request.parameters_as_values()
        body = codecs.decode(raw)
        if body.inputs is not None:
            return self._open_inference.read(body, len(raw))
        names = codecs.asked_outputs(body, self._model.names)
        return Asked(names, codecs.feed_of_data(body.data, self._model.inputs), SHORT)

    def encode(self, asked: Asked, results: list[Any]) -> bytes | Answer:
        if asked.rest is not SHORT:
            return self._open_inference.encode(asked, results)
        names = self._model.names
        values = {
            name: self._model.outputs[name].plain(result) for name, result in zip(asked.names, results, strict=True)
        }
        return codecs.encode({"data": values if len(names) > 1 else values[names[0]]})
