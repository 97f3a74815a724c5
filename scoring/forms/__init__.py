"""Forms: the request formats of models without code. Each decodes a request to named arrays and encodes results.

A form is made once for each model and address, and is called from any thread. A new protocol is a new form here and
its address in `routes.py`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from scoring.core.answer import Answer
from scoring.core.request import Request
from scoring.core.tensors import Array


class Inputs(NamedTuple):
    """A decoded request: the names of the outputs it wants, its inputs by name, and what else `encode` needs."""

    output_names: Sequence[str]
    feed: dict[str, Array]
    rest: Any = None


class Form(Protocol):
    """One request format of one model.

    A form may have `encode_batch(requests, results, rows)` too, which writes all answers of a shared run in one go.
    """

    def decode(self, request: Request) -> Inputs:
        """Read a request; ScoringError 400 (or 415) when it cannot be used."""

    def encode(self, inputs: Inputs, results: list[Any]) -> bytes | Answer:
        """Write the results, in the order of `inputs.output_names`; bytes are JSON with status 200."""
