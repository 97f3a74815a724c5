"""A request, whatever protocol it came by."""

from typing import Any
from urllib.parse import parse_qsl

import orjson

# How clients say JSON, so that it needs one look-up; other spellings are recognised more slowly.
SAID_JSON = frozenset(
    (
        None,
        b"application/json",
        b"application/json; charset=utf-8",
        b"application/json;charset=utf-8",
        b"application/x-www-form-urlencoded",
    )
)


class Request:
    """One request. `connection` is where its answer goes; `arrived` is in perf_counter nanoseconds.

    `key` tells which key it showed, an index of scoring.contract.KEYS; `id` is the client's or a new one, and
    `id_lines` tell it in the headers of the answer; `span` is its trace where traces are wanted.
    """

    __slots__ = (
        "arrived", "body", "connection", "headers", "id", "id_lines", "keep_alive", "key", "method", "query", "span",
        "target",
    )  # fmt: skip

    def __init__(self, connection: Any, method: bytes, target: bytes, headers: dict[bytes, bytes]) -> None:
        self.connection = connection
        self.method = method
        self.target = target
        self.query = b""
        self.headers = headers
        self.body = b""
        self.keep_alive = True
        self.arrived = 0
        self.key = 0
        self.id = self.id_lines = b""
        self.span: Any = None

    def parameters(self) -> dict[str, str]:
        """The query's parameters; the last of equal names counts."""
        return dict(parse_qsl(self.query.decode("latin-1"), keep_blank_values=True))

    def parameters_as_values(self) -> bytes:
        """The query as a JSON object whose values are JSON already: `?data=[1,2]` as `{"data":[1,2]}`."""
        return b"{%b}" % b",".join(
            orjson.dumps(name) + b":" + value.encode() for name, value in self.parameters().items()
        )
