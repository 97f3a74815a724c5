"""A request as it came over HTTP."""

from typing import TYPE_CHECKING

from scoring.core.request import Request

if TYPE_CHECKING:
    from scoring.http.connection import Connection


class HttpRequest(Request):
    """A request, and the connection that waits for its response and may or may not persist after it."""

    __slots__ = ("keep_alive",)

    client: "Connection"

    def __init__(self, client: "Connection", method: bytes, target: bytes, headers: dict[bytes, bytes]) -> None:
        super().__init__(client, method, target, headers)
        self.keep_alive = True
