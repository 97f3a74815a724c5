"""Members and tokens of a workspace from Python: `client.members`, `client.tokens`."""

from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import quote

from slipway.calls import Calls
from slipway.defaults import FOREVER
from slipway.types import Member, NewToken, Token


class Members:
    """Who belongs to the workspace, and as what: viewer, contributor or admin. Admins change it."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def all(self) -> Iterator[Member]:
        return cast(Iterator[Member], self._calls.rows("members"))

    def add(self, username: str, role: str) -> Member:
        """Let somebody in who has an account. Refused with 409 for a member."""
        return cast(Member, self._calls.call("POST", "members", {"username": username, "role": role}))

    def set_role(self, username: str, role: str) -> Member:
        return cast(Member, self._calls.call("PATCH", f"members/{quote(username)}", {"role": role}))

    def remove(self, username: str) -> None:
        """Refused with 409 for the last admin."""
        self._calls.call("DELETE", f"members/{quote(username)}")


class Tokens:
    """API tokens of the workspace: one's own; admins see and revoke everybody's."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def all(self) -> Iterator[Token]:
        """Those that are valid."""
        return cast(Iterator[Token], self._calls.rows("tokens"))

    def create(self, name: str, access: str = "read", days: int = 90) -> NewToken:
        """A new token, whose secret no later call gives. `days` of `FOREVER`: it never expires."""
        body: dict[str, Any] = {"name": name, "access": access, "days": None if days == FOREVER else days}
        return cast(NewToken, self._calls.call("POST", "tokens", body))

    def revoke(self, id: int) -> None:
        """It stops working at once."""
        self._calls.call("DELETE", f"tokens/{id}")
