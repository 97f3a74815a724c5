"""Members and tokens of a workspace from Python: `client.members`, `client.tokens`."""

from collections.abc import Iterator
from typing import cast
from urllib.parse import quote

from slipway.calls import Calls
from slipway.types import Invitation, Member, NewInvitation, NewToken, Token


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

    def invite(self, role: str, note: str = "") -> NewInvitation:
        """An invitation, whose link no later call gives: whoever opens it, and accepts, becomes a member."""
        return cast(NewInvitation, self._calls.call("POST", "invitations", {"role": role, "note": note}))

    def invitations(self) -> Iterator[Invitation]:
        """Those that are open."""
        return cast(Iterator[Invitation], self._calls.rows("invitations"))

    def withdraw(self, id: int) -> None:
        """The link of an invitation stops working."""
        self._calls.call("DELETE", f"invitations/{id}")


class Tokens:
    """API tokens of the workspace: one's own; admins see and revoke everybody's."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def all(self) -> Iterator[Token]:
        """Those that are valid."""
        return cast(Iterator[Token], self._calls.rows("tokens"))

    def create(self, name: str, access: str = "read", days: int = 90) -> NewToken:
        """A new token, whose secret no later call gives.

        It expires no later than the token that it is made with, and is revoked with it.
        """
        return cast(NewToken, self._calls.call("POST", "tokens", {"name": name, "access": access, "days": days}))

    def revoke(self, id: int) -> None:
        """It stops working at once."""
        self._calls.call("DELETE", f"tokens/{id}")
