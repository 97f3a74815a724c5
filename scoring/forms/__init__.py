"""Forms: the ways to ask a model without code. Each turns a request into named arrays, and results into an answer.

A form is made once for each model and address, and is called from any thread. A new protocol is a new form
here and its address in `routes.py`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from scoring.core.answer import Answer
from scoring.core.request import Request
from scoring.core.tensors import Array


class Inputs(NamedTuple):
    """What a request asks: the outputs wanted, the inputs by name, and whatever `encode` needs to know again."""

    names: Sequence[str]
    feed: dict[str, Array]
    rest: Any = None


class Form(Protocol):
    """One way to ask one model.

    A form may have `encode_batch(asked, results, rows)` too, which writes many answers of a shared run in one go.
    """

    def decode(self, request: Request) -> Inputs:
        """Read a request; ScoringError 400 (or 415) when it cannot be used."""

    def encode(self, asked: Inputs, results: list[Any]) -> bytes | Answer:
        """Write the results, in the order of `asked.names`; bytes are JSON with status 200."""
