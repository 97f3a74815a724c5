"""What `/score` takes: the short form `{"data": …}`, or the Open Inference Protocol's, each answered in its own.

Estimators answer the short form as Azure's services without code do: `{"data": …, "method": "predict"}` gets
`{"predict": …}`, and without a method the probabilities, where there are some.

Bodies of other content types go on to the forms of `bodies.py`.
"""

from collections.abc import Sequence
from typing import Any

from scoring.core.answer import Answer
from scoring.core.errors import ScoringError, bad_input
from scoring.core.model import Model, SupportsMethods
from scoring.core.request import JSON_TYPES, Request
from scoring.forms import Inputs
from scoring.forms.bodies import Bodies, Delegated
from scoring.forms.foreign import explain
from scoring.forms.json_bodies import Body, feed_of_data, read_body, requested_outputs
from scoring.forms.open_inference import OpenInference
from scoring.forms.outputs import encode_json, output_writers
from scoring.forms.short import short

SHORT = object()  # in `Inputs.rest`: the request came in the short form
METHOD = object()  # the same, asked of one method of an estimator


class Data:
    """Nested lists for a model with one input, an object of them by name for several; the same way back."""

    def __init__(self, model: Model, open_inference: OpenInference, bodies: Bodies) -> None:
        self._model = model
        self._outputs = output_writers(model)
        self._open_inference = open_inference
        self._bodies = bodies
        self._default_method = model.default_method if isinstance(model, SupportsMethods) else ""

    def decode(self, request: Request) -> Inputs:
        try:
            return self._read(request)
        except ScoringError as error:
            explain(error, request.body)
            raise

    def _read(self, request: Request) -> Inputs:
        if request.method == b"GET":
            raw = request.parameters_as_values()
        else:
            raw = request.body
            kind = request.headers.get(b"content-type")
            if kind not in JSON_TYPES:
                inputs = self._bodies.decode(request, kind or b"")
                if inputs is not None:
                    return inputs
        body, quick = read_body(raw, self._model.inputs)
        if body.inputs is not None:
            return self._open_inference.read(body, quick)
        names, rest = self._asked(body)
        return Inputs(names, feed_of_data(body.data, self._model.inputs, self._model.columns), rest)

    def _asked(self, body: Body) -> tuple[Sequence[str], object]:
        """The outputs that are asked for, and the form of the response."""
        names, default = self._model.output_names, self._default_method
        if body.method is not None and (not default or body.method not in names):
            known = f"it has {', '.join(names)}" if default else 'it has none; "outputs" names what it should give'
            raise bad_input(f"the model has no method {body.method!r}: {known}")
        if default and not body.outputs:
            return (body.method or default,), METHOD
        return requested_outputs(body, names), SHORT

    def encode(self, inputs: Inputs, results: list[Any]) -> bytes | Answer:
        if inputs.rest is METHOD:
            (name,) = inputs.output_names
            return encode_json({name: self._outputs[name].nested(results[0])})
        if inputs.rest is SHORT:
            return short(self._outputs, inputs, results)
        if type(inputs.rest) is Delegated:
            return self._bodies.encode(inputs, results)
        return self._open_inference.encode(inputs, results)
