"""Keys of single clients of a service from Python: `client.client_keys("iris")`."""

from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import quote

from slipway.calls import Calls
from slipway.types import ClientKey, NewClientKey


class ClientKeys:
    """Named keys with an expiry and quotas, which the front takes beside a service's own two."""

    def __init__(self, calls: Calls, service: str) -> None:
        self._calls = calls
        self._path = f"services/{quote(service)}/client-keys"

    def all(self) -> Iterator[ClientKey]:
        """By name, with what came with each today and in the last 30 days."""
        return cast(Iterator[ClientKey], self._calls.rows(self._path))

    def create(self, name: str, *, value: str | None = None, **limits: Any) -> NewClientKey:
        """A new key, whose value no later call gives. `limits` are those of `update`; `value` is one of your own."""
        chosen = {} if value is None else {"value": value}
        return cast(NewClientKey, self._calls.call("POST", self._path, {"name": name, **chosen, **limits}))

    def update(self, name: str, **limits: Any) -> ClientKey:
        """Other limits; those left out stay: `days` from now or `expires_at` (ISO 8601), `requests_a_day` and
        `rows_a_day` of a UTC day; None: no limit."""
        return cast(ClientKey, self._calls.call("PATCH", f"{self._path}/{quote(name)}", limits))

    def regenerate(self, name: str) -> NewClientKey:
        """Another value; the old one stops working within seconds."""
        return cast(NewClientKey, self._calls.call("POST", f"{self._path}/{quote(name)}/regenerate"))

    def delete(self, name: str) -> None:
        """Requests with it are refused within seconds."""
        self._calls.call("DELETE", f"{self._path}/{quote(name)}")
