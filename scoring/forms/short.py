"""The short answer: `{"data": …}`, nested values of a model with one output, or an object of them by name."""

from typing import Any

from scoring import codecs
from scoring.forms import Asked
from scoring.session import OnnxModel


def short(model: OnnxModel, asked: Asked, results: list[Any]) -> bytes:
    """The answer in JSON."""
    values = {name: model.outputs[name].plain(result) for name, result in zip(asked.names, results, strict=True)}
    return codecs.encode({"data": values if len(model.names) > 1 else values[model.names[0]]})
