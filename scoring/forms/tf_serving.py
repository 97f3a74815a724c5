"""TensorFlow Serving's form, which KServe calls V1: `{"instances": …}` by row, `{"inputs": …}` by column.

Protocol: TensorFlow Serving RESTful API, predict.
"""

from typing import Any

import msgspec

from scoring.core.answer import Answer
from scoring.core.errors import ScoringError, bad_input
from scoring.core.model import Model
from scoring.core.request import Request
from scoring.forms import Inputs
from scoring.forms.foreign import explain
from scoring.forms.json_bodies import envelope
from scoring.forms.outputs import encode_json, output_writers, predicted_names
from scoring.forms.rows import by_column, by_row, feed_of_columns, feed_of_instances

SIGNATURES = (None, "", "serving_default")


class PredictBody(msgspec.Struct):
    instances: msgspec.Raw = msgspec.Raw(b"")
    inputs: msgspec.Raw = msgspec.Raw(b"")
    signature_name: str | None = None


_body = msgspec.json.Decoder(PredictBody)


class Predict:
    """Rows are answered in `predictions`, columns in `outputs`."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._names = predicted_names(model)
        self._outputs = output_writers(model, self._names)

    def decode(self, request: Request) -> Inputs:
        try:
            return self._read(request)
        except ScoringError as error:
            explain(error, request.body)
            raise

    def _read(self, request: Request) -> Inputs:
        body = envelope(_body, request.body)
        rows, columns = body.instances, body.inputs
        if bool(bytes(rows)) == bool(bytes(columns)):
            raise bad_input('the body needs either "instances" (a list of rows) or "inputs" (values by input)')
        if body.signature_name not in SIGNATURES:
            raise bad_input(f"the model has no signature {body.signature_name!r}, only serving_default")
        model = self._model
        if bytes(rows):
            return Inputs(self._names, feed_of_instances(rows, model.inputs), "predictions")
        return Inputs(self._names, feed_of_columns(columns, model.inputs), "outputs")

    def encode(self, inputs: Inputs, results: list[Any]) -> bytes | Answer:
        write = by_row if inputs.rest == "predictions" else by_column
        return encode_json({inputs.rest: write(self._outputs, inputs.output_names, results)})
