"""A request, whatever transport it came by."""

from typing import Any, Protocol
from urllib.parse import parse_qsl

import orjson

# Content types of JSON as clients spell them, for a single look-up; other spellings are recognised more slowly.
JSON_TYPES = frozenset(
    (
        None,
        b"application/json",
        b"application/json; charset=utf-8",
        b"application/json;charset=utf-8",
        b"application/x-www-form-urlencoded",
    )
)


class Client(Protocol):
    """Who waits for a response, as far as running its request is concerned.

    `disconnected`: nothing can be sent to it any more. `half_closed`: it sends nothing more, which a client that has
    left looks like, too; requests that have not begun to run are dropped then.
    """

    disconnected: bool
    half_closed: bool


class Request:
    """One request, whatever transport it came by. Each transport adds what it needs to send the response.

    `arrived` is in perf_counter nanoseconds. `key` says which key it showed, an index of scoring.contract.KEYS. `id` is
    the client's or a new one; `id_lines` are the headers of the response that repeat it. `span` is its trace, if any.
    `front`: what a front showed in the caller's place; it is never among the headers.
    """

    __slots__ = (
        "arrived", "body", "client", "front", "headers", "id", "id_lines", "key", "method", "query", "span", "target",
    )  # fmt: skip

    def __init__(self, client: Client, method: bytes, target: bytes, headers: dict[bytes, bytes]) -> None:
        self.client = client
        self.method = method
        self.target = target
        self.query = b""
        self.headers = headers
        self.body = self.front = b""
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
