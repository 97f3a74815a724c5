"""A request as it came over HTTP."""

from typing import TYPE_CHECKING

from scoring.core.request import Request

if TYPE_CHECKING:
    from scoring.http.connection import Connection


class HttpRequest(Request):
    """A request whose `client` is the connection that waits for its response.

    `keep_alive`, which the parser sets, says whether the connection persists after that.
    """

    __slots__ = ("keep_alive",)

    client: "Connection"
    keep_alive: bool
