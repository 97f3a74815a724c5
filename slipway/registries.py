"""The registries of images of a workspace from Python: `client.registries`."""

from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import quote

from slipway.calls import Calls
from slipway.types import Registry


class Registries:
    """Where base images are pulled from and built ones are sent. Raises `SlipwayApiError` where the studio says no."""

    def __init__(self, calls: Calls) -> None:
        self._calls, self._call = calls, calls.call

    def all(self) -> Iterator[Registry]:
        return cast(Iterator[Registry], self._calls.rows("registries"))

    def add(self, name: str, address: str, **settings: Any) -> Registry:
        """`username`, `password`; `push`: images that are built are sent there."""
        return cast(Registry, self._call("POST", "registries", {"name": name, "address": address} | settings))

    def update(self, name: str, **settings: Any) -> Registry:
        """Change what is given; the rest stays, the password too."""
        return cast(Registry, self._call("PATCH", f"registries/{quote(name)}", settings))

    def remove(self, name: str) -> None:
        self._call("DELETE", f"registries/{quote(name)}")
