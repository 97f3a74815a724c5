"""MLflow's form: `/invocations` with data frames by JSON or CSV, or tensors, answered in `predictions`.

Protocol: MLflow's scoring server, version 2 and later.
"""

from typing import Any

import msgspec

from scoring.core.answer import Answer
from scoring.core.errors import ScoringError, bad_input
from scoring.core.model import Model
from scoring.core.request import Request
from scoring.core.tensors import Feed
from scoring.forms import Inputs
from scoring.forms.bodies import JSON_TYPES, media_type
from scoring.forms.foreign import explain
from scoring.forms.json_bodies import envelope
from scoring.forms.outputs import encode_json, output_writers, predicted_names
from scoring.forms.rows import by_column, by_row, feed_of_columns, feed_of_instances
from scoring.forms.tables import CsvTable, JsonTable, Table, feed_of_table

NOTHING = msgspec.Raw(b"")
NULL = msgspec.Raw(b"null")


class Split(msgspec.Struct):
    data: list[list[msgspec.Raw]]
    columns: list[str | int] | None = None


class InvocationBody(msgspec.Struct):
    """Exactly one of them is given."""

    dataframe_split: Split | None = None
    dataframe_records: list[dict[str, msgspec.Raw]] | None = None
    instances: msgspec.Raw = NOTHING
    inputs: msgspec.Raw = NOTHING


_body = msgspec.json.Decoder(InvocationBody)


class Invocations:
    """Columns are matched to inputs by name, or all go in order into the only input."""

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
        content_type = request.headers.get(b"content-type", b"")
        kind = media_type(content_type)
        model = self._model
        if kind == "text/csv":
            return Inputs(self._names, _feed_of_columns(CsvTable(request.body, content_type), model), by_row)
        if kind not in JSON_TYPES:
            raise ScoringError(415, "unsupported_type", f"/invocations takes application/json and text/csv, not {kind}")
        body = envelope(_body, request.body)
        given = [name for name in body.__struct_fields__ if getattr(body, name) not in (None, NOTHING)]
        if len(given) != 1:
            raise bad_input(f"the body needs one of {', '.join(body.__struct_fields__)}; it has {given or 'none'}")
        return Inputs(self._names, _feed(body, model), by_column if given == ["inputs"] else by_row)

    def encode(self, inputs: Inputs, results: list[Any]) -> bytes | Answer:
        return encode_json({"predictions": inputs.rest(self._outputs, inputs.output_names, results)})


def _feed(body: InvocationBody, model: Model) -> Feed:
    if body.inputs != NOTHING:
        return feed_of_columns(body.inputs, model.inputs)
    if body.instances != NOTHING:
        return feed_of_instances(body.instances, model.inputs)
    table = _split(body.dataframe_split) if body.dataframe_split else _records(body.dataframe_records or [])
    return _feed_of_columns(table, model)


def _feed_of_columns(table: Table, model: Model) -> Feed:
    return feed_of_table(table, model.inputs, model.columns)


def _split(split: Split) -> JsonTable:
    """Without names, or with numbers that count the columns, as pandas has them where there are no names."""
    counted = list(range(len(split.data[0]))) if split.data else []
    columns = counted if split.columns is None else split.columns
    return JsonTable([str(name) for name in columns], split.data, is_named=columns != counted)


def _records(records: list[dict[str, msgspec.Raw]]) -> JsonTable:
    """A value that a record lacks is null, as it is in a data frame."""
    columns = list(dict.fromkeys(name for record in records for name in record))
    return JsonTable(columns, [[record.get(name, NULL) for name in columns] for record in records])
