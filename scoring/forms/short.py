"""The short answer: `{"data": …}`, nested values of a model with one output, or an object of them by name."""

from typing import Any

from scoring.core import codecs
from scoring.forms import Inputs
from scoring.onnx.session import OnnxModel


def short(model: OnnxModel, asked: Inputs, results: list[Any]) -> bytes:
    """The answer in JSON."""
    outputs, names = model.outputs, asked.names
    if len(model.names) == 1:
        return codecs.encode({"data": outputs[names[0]].plain(results[0])})
    return codecs.encode({"data": {name: outputs[name].plain(one) for name, one in zip(names, results, strict=True)}})
