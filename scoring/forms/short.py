"""The short answer: `{"data": …}`, nested values of a model with one output, or an object of them by name."""

from typing import Any

from scoring.forms import Inputs
from scoring.forms.outputs import OutputWriter, encode_json


def short(outputs: dict[str, OutputWriter], inputs: Inputs, results: list[Any]) -> bytes:
    """The answer in JSON; `outputs` are all that the model has."""
    names = inputs.output_names
    if len(outputs) == 1:
        return encode_json({"data": outputs[names[0]].nested(results[0])})
    return encode_json({"data": {name: outputs[name].nested(one) for name, one in zip(names, results, strict=True)}})
