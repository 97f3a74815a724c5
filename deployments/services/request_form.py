"""Pure: a request body as fields that people fill in, and what they filled in as a body.

Made from a request that the service accepts: Open Inference Protocol tensors, `{"data": [row, …]}` as scripts and the
short format have it, or an object of plain values. One row is asked for; the sample's first row stands in the fields.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite, prod
from typing import Any

from deployments.services.model_words import ModelWords
from studio.core.errors import BadInput
from studio.core.quantities import digits

MOST_FIELDS = 64  # more are no form: an image, an embedding
WHOLE = {f"{sign}INT{bits}": (sign, bits) for sign in ("", "U") for bits in (8, 16, 32, 64)}


@dataclass(frozen=True, kw_only=True)
class Field:
    """`kind` is number, whole, text or switch; `range` is what was seen in training, `low` to `high` what fits."""

    name: str
    label: str
    kind: str
    value: Any
    low: int | None = None
    high: int | None = None
    range: tuple[float, float] | None = None

    @property
    def hint(self) -> str:
        """What may stand in the field."""
        if self.range:
            return f"{digits(self.range[0])} to {digits(self.range[1])}"
        if self.kind == "whole" and self.high is not None and self.high < 2**31:
            return f"whole number, {self.low} to {self.high}"
        return {"number": "number", "whole": "whole number", "text": "text", "switch": ""}[self.kind]

    def read(self, text: str) -> Any:
        """The value behind what was typed. Raises `BadInput` that names the field."""
        if self.kind == "text":
            return text
        if self.kind == "switch":
            return text in {"on", "true", "True"}
        if not text.strip():
            return self._without_value()
        try:
            value = float(text.strip().replace(",", "."))
        except ValueError as error:
            raise self._refusal(f"'{text[:40]}' is no number.") from error
        if not isfinite(value):
            raise self._refusal(f"'{text[:40]}' is no number that JSON knows.")
        return self._whole(text, value) if self.kind == "whole" else value

    def _without_value(self) -> None:
        if self.kind == "whole":
            raise self._refusal("It needs a whole number.")

    def _whole(self, text: str, value: float) -> int:
        if value != int(value):
            raise self._refusal(f"'{text[:40]}' is no whole number.")
        whole = (
            int(text) if text.strip().lstrip("+-").isascii() and text.strip().lstrip("+-").isdecimal() else int(value)
        )
        if (self.low is not None and whole < self.low) or (self.high is not None and whole > self.high):
            raise self._refusal(f"It must lie between {self.low} and {self.high}.")
        return whole

    def _refusal(self, why: str) -> BadInput:
        return BadInput(f"{self.label}: {why}", hint=f"Expected: {self.hint}.", field=self.name)


@dataclass(frozen=True)
class RequestForm:
    """`fields` in order; `body` makes the request from one value for each."""

    fields: list[Field]
    body: Callable[[list[Any]], Any] = field(repr=False)

    def filled(self, typed: Mapping[str, str]) -> str:
        """The body, as JSON, of what was typed. Raises `BadInput` for the first field that cannot be read."""
        return json.dumps(self.body([one.read(typed.get(one.name, "")) for one in self.fields]))

    def with_values(self, typed: Mapping[str, str]) -> "RequestForm":
        """The same form with what was typed in its fields."""
        kept = [_kept(one, typed) for one in self.fields]
        return RequestForm(kept, self.body)


def form_for(sample: Any, words: ModelWords) -> RequestForm | None:
    """The form of a request like `sample`; None where it has no fields or too many."""
    if not isinstance(sample, dict) or not sample:
        return None
    made = _of_tensors(sample, words) if "inputs" in sample else _of_rows(sample, words) or _of_object(sample, words)
    return made if made and 0 < len(made.fields) <= MOST_FIELDS else None


def _of_tensors(sample: dict[str, Any], words: ModelWords) -> RequestForm | None:
    tensors = sample["inputs"]
    if not isinstance(tensors, list) or not all(_is_tensor(one) for one in tensors):
        return None
    lone = len(tensors) == 1
    groups = [
        _tensor_fields(one, words if lone else ModelWords(ranges=words.ranges), at) for at, one in enumerate(tensors)
    ]

    def body(values: list[Any]) -> dict[str, Any]:
        rest = iter(values)
        inputs = [
            {
                "name": tensor["name"],
                "shape": _shape_of_row(tensor["shape"]),
                "datatype": tensor["datatype"],
                "data": [next(rest) for _ in fields],
            }
            for tensor, fields in zip(tensors, groups, strict=True)
        ]
        return {"inputs": inputs}

    return RequestForm([one for fields in groups for one in fields], body)


def _is_tensor(tensor: Any) -> bool:
    return (
        isinstance(tensor, dict)
        and {"name", "shape", "datatype", "data"} <= tensor.keys()
        and isinstance(tensor["shape"], list)
        and all(isinstance(size, int) and size >= 0 for size in tensor["shape"])
        and prod(_shape_of_row(tensor["shape"])) <= MOST_FIELDS
        and isinstance(tensor["data"], list)
        and not any(isinstance(one, (list, dict)) for one in tensor["data"])
    )


def _shape_of_row(shape: list[int]) -> list[int]:
    return [1, *shape[1:]] if shape else []


def _tensor_fields(tensor: dict[str, Any], words: ModelWords, at: int) -> list[Field]:
    size, name, datatype = prod(_shape_of_row(tensor["shape"])), tensor["name"], tensor["datatype"]
    labels = (
        words.columns
        if len(words.columns) == size
        else [name]
        if size == 1
        else [f"{name} {n}" for n in range(1, size + 1)]
    )
    values = [*tensor["data"], *[0] * size][:size]
    kind = (
        "switch"
        if datatype == "BOOL"
        else "text"
        if datatype == "BYTES"
        else "whole"
        if datatype in WHOLE
        else "number"
    )
    sign, bits = WHOLE.get(datatype, ("", 0))
    low, high = (0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if bits else (None, None)
    return [
        Field(
            name=f"field-{at}-{index}",
            label=label,
            kind=kind,
            value=value,
            low=low,
            high=high,
            range=words.ranges.get(label),
        )
        for index, (label, value) in enumerate(zip(labels, values, strict=True))
    ]


def _of_rows(sample: dict[str, Any], words: ModelWords) -> RequestForm | None:
    """`{"data": [[1, 2], …]}` or `{"data": [{"a": 1}, …]}`."""
    rows = sample.get("data")
    if len(sample) != 1 or not isinstance(rows, list) or not rows:
        return None
    first = rows[0]
    if isinstance(first, dict):
        return _plain(first, words, lambda values: {"data": [dict(zip(first, values, strict=True))]})
    if not isinstance(first, list):
        return None
    names = words.columns if len(words.columns) == len(first) else [f"value {n}" for n in range(1, len(first) + 1)]
    return _plain(dict(zip(names, first, strict=False)), words, lambda values: {"data": [values]})


def _of_object(sample: dict[str, Any], words: ModelWords) -> RequestForm | None:
    return _plain(sample, words, lambda values: dict(zip(sample, values, strict=True)))


def _plain(values: dict[str, Any], words: ModelWords, body: Callable[[list[Any]], Any]) -> RequestForm | None:
    kinds = {bool: "switch", int: "number", float: "number", str: "text"}
    if not all(type(one) in kinds for one in values.values()):
        return None
    fields = [
        Field(name=f"field-{index}", label=label, kind=kinds[type(one)], value=one, range=words.ranges.get(label))
        for index, (label, one) in enumerate(values.items())
    ]
    return RequestForm(fields, body)


def _kept(one: Field, typed: Mapping[str, str]) -> Field:
    value: Any = typed.get(one.name, "")
    if one.kind == "switch":
        value = bool(value)
    return Field(
        name=one.name, label=one.label, kind=one.kind, value=value, low=one.low, high=one.high, range=one.range
    )
