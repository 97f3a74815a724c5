"""A prediction without a body, for health checks that want to see one: the model is run on zeros."""

from typing import Any

import orjson

from scoring.core.answer import Answer
from scoring.core.model import Model, zeros_for
from scoring.core.request import Request
from scoring.forms import Inputs


class Probe:
    """It passes queue and model like every request; 400 from a model that does not take zeros."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._answer = orjson.dumps({"name": model.name, "version": str(model.version), "predicted": True})

    def decode(self, request: Request) -> Inputs:
        return Inputs(self._model.output_names, zeros_for(self._model))

    def encode(self, inputs: Inputs, results: list[Any]) -> bytes | Answer:
        return self._answer
