"""Who may call a service: its keys and clients' keys, or its tokens. Checked once for each head, then remembered."""

import hashlib
import hmac
from time import time
from typing import TYPE_CHECKING

from scoring.contract import KEYS, TokenRules
from scoring.core.errors import ScoringError
from scoring.front_contract import ClientKey, FrontService

if TYPE_CHECKING:
    from scoring.auth.tokens import TokenCheck

NEVER = float("inf")
TOKEN = KEYS.index("token")


class Caller:
    """Who calls: the key's name, its kind in scoring.contract.KEYS, when it ends (epoch seconds), and its use."""

    __slots__ = ("ends", "key", "kind", "name", "requests", "rows")

    def __init__(self, name: str, kind: int, ends: float = NEVER, key: ClientKey | None = None) -> None:
        self.name, self.kind, self.ends, self.key = name, kind, ends, key
        self.requests = self.rows = 0  # of the UTC day


NOBODY = Caller("", 0)


class Credentials:
    """The credentials that a service accepts."""

    def __init__(self, service: FrontService) -> None:
        self.required = service.auth != "none"
        self.callers = [(key.digest, Caller(key.name, kind_of(key.name), key.expires_at or NEVER, key))
                        for key in service.keys]  # fmt: skip
        self._tokens = _token_check(service.tokens) if service.auth == "token" else None
        self._wants_token = service.auth == "token"

    def check(self, header: bytes | None) -> Caller:
        """Who shows this header; ScoringError 401."""
        if not self.required:
            return NOBODY
        scheme, _, credential = (header or b"").partition(b" ")
        credential = credential.strip()
        if scheme.lower() != b"bearer" or not credential:
            wanted = "<token>` (a JSON Web Token that the studio makes)." if self._wants_token else "<key>`."
            raise refused(f"This service needs the header `Authorization: Bearer {wanted}")
        if self._tokens is not None:
            return Caller("token", TOKEN, self._tokens.expiry_of(credential))
        digest = hashlib.sha256(credential).hexdigest()
        found = [one for known, one in self.callers if hmac.compare_digest(digest, known)]  # all, in constant time
        if not found:
            raise refused("The key is not one of this service's keys.")
        if found[0].ends <= time():
            raise refused("The key has expired.")
        return found[0]


def _token_check(rules: TokenRules | None) -> "TokenCheck":
    if rules is None:
        raise ValueError("a service that takes tokens needs their rules")
    from scoring.auth.tokens import TokenCheck  # late: most fronts see keys only

    return TokenCheck(rules)


def kind_of(name: str) -> int:
    """The kind of a key by its name; that of a client counts as primary."""
    return KEYS.index("secondary") if name == "secondary" else KEYS.index("primary")


def refused(message: str) -> ScoringError:
    """401."""
    return ScoringError(401, "unauthorized", message, headers=(("www-authenticate", 'Bearer realm="scoring"'),))
