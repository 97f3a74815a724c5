"""The Open Inference Protocol's form: named, typed, shaped tensors as JSON."""

from typing import Any

from scoring import codecs
from scoring.answer import Answer
from scoring.forms import Asked
from scoring.request import Request
from scoring.session import OnnxModel


class OpenInference:
    """`{"inputs": [{"name", "shape", "datatype", "data"}]}` and the same back."""

    def __init__(self, model: OnnxModel) -> None:
        self._model = model
        self._head = {"model_name": model.name, "model_version": str(model.version)}

    def decode(self, request: Request) -> Asked:
        return self.read(codecs.decode(request.body), request.body)

    def read(self, body: codecs.Body, raw: bytes) -> Asked:
        """What an envelope that has been decoded already asks."""
        model = self._model
        return Asked(codecs.asked_outputs(body, model.names), codecs.feed_of(body, raw, model.inputs), body.id)

    def encode(self, asked: Asked, results: list[Any]) -> bytes | Answer:
        outputs = self._model.outputs
        answer: dict[str, Any] = {
            **self._head,
            "outputs": [outputs[name].encoded(result) for name, result in zip(asked.names, results, strict=True)],
        }
        if asked.rest is not None:
            answer["id"] = asked.rest
        return codecs.encode(answer)
