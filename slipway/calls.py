"""Calls to one workspace of a studio: what the nouns of the client share."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from slipway.transport import Transport

PAGE_ROWS = 200


class Calls:
    """Calls below the workspace's address; `base` is that address below /api/v1/."""

    def __init__(self, transport: Transport, workspace: str) -> None:
        self.transport = transport
        self.base = f"workspaces/{quote(workspace)}"

    def call(self, method: str, path: str, body: Any = None, params: Mapping[str, str | int] | None = None) -> Any:
        """The decoded answer. Raises `SlipwayApiError` and `Unreachable`."""
        return self.transport.json(method, f"{self.base}/{path}", body=body, params=params)

    def rows(self, path: str, params: Mapping[str, str | int] | None = None) -> Iterator[Any]:
        """Rows of a list, page by page as they are needed. Parameters without a value are left out."""
        given = {name: value for name, value in (params or {}).items() if value != ""}
        number = 1
        while True:
            answer = self.call("GET", path, params={**given, "page": number, "page_size": PAGE_ROWS})
            yield from answer["results"]
            if not answer.get("next"):
                return
            number += 1
