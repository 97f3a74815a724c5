"""Who may call a service: its keys and clients' keys, or its tokens. Checked once for each head, then remembered."""

import hashlib
import hmac
from time import time
from typing import TYPE_CHECKING

from scoring.auth.keys import bearer_of, unauthenticated
from scoring.contract import KEYS, TokenRules
from scoring.front_contract import ClientKey, FrontService

if TYPE_CHECKING:
    from scoring.auth.tokens import TokenCheck

NEVER = float("inf")
TOKEN = KEYS.index("token")


class Used:
    """What came with a key since the UTC day began."""

    __slots__ = ("requests", "rows")

    def __init__(self, requests: int = 0, rows: int = 0) -> None:
        self.requests, self.rows = requests, rows


class Caller:
    """Who calls: the key's name, its kind in scoring.contract.KEYS, when it ends (epoch seconds), and with a key its
    use, which scoring.front.quota counts.
    """

    __slots__ = ("ends", "key", "kind", "name", "used")

    def __init__(self, name: str, kind: int, ends: float = NEVER, key: ClientKey | None = None) -> None:
        self.name, self.kind, self.ends, self.key = name, kind, ends, key
        self.used: Used | None = None

    @property
    def has_rows_quota(self) -> bool:
        return self.key is not None and self.key.rows_a_day is not None


NOBODY = Caller("", 0)


class Credentials:
    """The credentials that a service accepts."""

    def __init__(self, service: FrontService) -> None:
        self.required = service.auth != "none"
        self.callers = [(key.digest, Caller(key.name, kind_of(key.name), key.expires_at or NEVER, key))
                        for key in service.keys]  # fmt: skip
        self._tokens = _token_check(service.tokens) if service.auth == "token" else None

    def check(self, header: bytes | None) -> Caller:
        """Who shows this header; ScoringError 401 where it is nobody who may call."""
        if not self.required:
            return NOBODY
        credential = bearer_of(header, takes_tokens=self._tokens is not None)
        if self._tokens is not None:
            return Caller("token", TOKEN, self._tokens.expiry_of(credential))
        digest = hashlib.sha256(credential).hexdigest()
        found = [one for known, one in self.callers if hmac.compare_digest(digest, known)]  # all, in constant time
        if not found:
            raise unauthenticated("The key is not one of this service's keys.")
        if found[0].ends <= time():
            raise unauthenticated("The key has expired.")
        return found[0]


def _token_check(rules: TokenRules | None) -> "TokenCheck":
    if rules is None:
        raise ValueError("a service that takes tokens needs their rules")
    from scoring.auth.tokens import TokenCheck  # late: most fronts see keys only

    return TokenCheck(rules)


def kind_of(name: str) -> int:
    """The kind of a key by its name; that of a client counts as primary."""
    return KEYS.index("secondary") if name == "secondary" else KEYS.index("primary")
