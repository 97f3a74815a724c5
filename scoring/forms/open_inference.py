"""The Open Inference Protocol's form: named, typed, shaped tensors, as JSON or with their values in binary."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import orjson

from scoring.core.answer import Answer
from scoring.core.errors import ScoringError
from scoring.core.model import Model
from scoring.core.request import Request
from scoring.core.tensors import Feed
from scoring.forms import Inputs, binary
from scoring.forms.foreign import explain
from scoring.forms.json_bodies import BODY, Body, envelope, feed_of, read_body, requested_outputs
from scoring.forms.outputs import encode_json, output_writers


class ResponseOptions(NamedTuple):
    """In `Inputs.rest`, for requests that determine more of their response than its id."""

    id: str | None
    binary: frozenset[str]


class OpenInference:
    """`{"inputs": [{"name", "shape", "datatype", "data"}]}` and the same back."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._outputs = output_writers(model)
        self._head = {"model_name": model.name, "model_version": str(model.version)}
        self._opening = orjson.dumps(self._head)[:-1] + b',"outputs":['

    def decode(self, request: Request) -> Inputs:
        header_length = request.headers.get(binary.HEADER)
        if header_length is None:
            try:
                return self.read(*read_body(request.body, self._model.inputs))
            except ScoringError as error:
                explain(error, request.body)
                raise
        head, tail = binary.split(request.body, header_length)
        body = envelope(BODY, head)
        return self.read(body, binary.read(body, tail, self._model.inputs))

    def read(self, body: Body, quick: Feed) -> Inputs:
        """The request of an envelope; `quick` holds inputs that have been read."""
        model = self._model
        names = requested_outputs(body, model.output_names)
        feed = feed_of(body, model.inputs, quick)
        if body.parameters is None and body.outputs is None:
            return Inputs(names, feed, body.id)
        return Inputs(names, feed, ResponseOptions(body.id, binary.requested_in_binary(body, names)))

    def encode(self, inputs: Inputs, results: list[Any]) -> bytes | Answer:
        outputs, rest = self._outputs, inputs.rest
        named = zip(inputs.output_names, results, strict=True)
        answer: dict[str, Any] = {
            **self._head,
            "outputs": [outputs[name].encode(result) for name, result in named],
        }
        if rest is None:
            return encode_json(answer)
        options = ResponseOptions(rest, frozenset()) if type(rest) is str else rest
        if options.id is not None:
            answer["id"] = options.id
        return binary.write(answer, options.binary) if options.binary else encode_json(answer)

    def encode_batch(self, requests: Sequence[Inputs], results: list[Any], rows: int) -> list[bytes]:
        """What `encode` gives for each of these, of so many rows each; nothing where one wants more than JSON."""
        if any(one.rest is not None and type(one.rest) is not str for one in requests):
            return []
        outputs = self._outputs
        columns: list[Iterable[bytes]] = []
        for name, result in zip(requests[0].output_names, results, strict=True):
            texts = outputs[name].encode_parts(result, len(requests), rows, b"," if columns else b"")
            if texts is None:
                return []
            columns += texts
        endings = (b"]}" if one.rest is None else b'],"id":%b}' % orjson.dumps(one.rest) for one in requests)
        return [b"".join((self._opening, *texts, ending)) for *texts, ending in zip(*columns, endings, strict=True)]
