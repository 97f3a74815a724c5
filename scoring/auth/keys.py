"""Authentication: `Authorization: Bearer <key or token>` against keys.json, which is reloaded when it changes."""

import hashlib
import hmac
import os
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

import msgspec

from scoring.contract import KEYS, KeysFile, TokenRules
from scoring.core.errors import ScoringError, StartFailure
from scoring.core.log import log
from scoring.core.request import Request
from scoring.front_contract import ROWS_WANTED

if TYPE_CHECKING:
    from scoring.auth.tokens import TokenCheck

CACHE_SIZE = 256
SECONDARY = KEYS.index("secondary")
TOKEN = KEYS.index("token")


class Keys:
    """The keys of a service, or the rules of its tokens: never both at once.

    A valid header is cached until the file changes, or the token in it expires.
    """

    def __init__(self, path: Path, required: bool) -> None:
        """Raises `StartFailure` if tokens are configured and the environment cannot check them."""
        self._path = path
        self._required = required
        self._stamp: tuple[int, int, int] | None = None
        self._digests: list[str] = []
        self._front = ""  # digest of the front's key
        self._fronts: dict[bytes, int] = {}  # what fronts showed, to the kind of key
        self._tokens: TokenCheck | None = None
        self._logged = ""  # the last problem, so that it is logged once
        self._cached: dict[bytes | None, int] = {}
        self._expiry: dict[bytes | None, float] = {}  # when a cached token expires (epoch seconds)
        if required:
            self._reload()

    def refresh(self) -> None:
        """Reload a changed file and drop expired tokens; called about once a second."""
        if not self._required:
            return
        try:
            self._reload()
        except StartFailure as error:
            self._log_problem(error)
        now = time()
        for header in [header for header, end in self._expiry.items() if end <= now]:
            self._evict(header)

    def _reload(self) -> None:
        try:
            stat = os.stat(self._path)
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp != self._stamp:
                found = msgspec.json.decode(self._path.read_bytes(), type=KeysFile)
                self._tokens = _token_check(found.tokens) if found.tokens else None
                self._digests = [] if found.tokens else found.digests
                self._front, self._fronts = found.front, {}
                self._stamp, self._cached, self._expiry, self._logged = stamp, {}, {}, ""
        except (OSError, msgspec.DecodeError) as error:
            self._log_problem(error)

    def _log_problem(self, error: Exception) -> None:
        if str(error) != self._logged:
            log(f"keys.json cannot be used, the keys known so far stay: {error}", "W")
        self._stamp, self._logged = None, str(error)

    def check(self, header: bytes | None) -> int:
        """Which of `KEYS` the header has; 401 if one is required and it has none."""
        key = self._cached.get(header)
        if key is None:
            return self._check_uncached(header) if self._required else 0
        return key

    def check_request(self, request: Request) -> int:
        """The same for a request: the key that it shows, or that a front says it showed there."""
        if request.front:
            kind = self._fronts.get(request.front)
            return self._check_front(request.front) if kind is None else kind
        key = self._cached.get(header := request.headers.get(b"authorization"))
        if key is None:
            return self._check_uncached(header) if self._required else 0
        return key

    def _check_front(self, shown: bytes) -> int:
        if not self._required:
            return 0
        credential, _, kind_of_key = shown.partition(b" ")
        digest = hashlib.sha256(credential).hexdigest()
        if not self._front or not hmac.compare_digest(digest, self._front):
            raise unauthenticated("The front's key is not the one that this service knows.")
        name = kind_of_key.decode("latin-1").removesuffix(ROWS_WANTED)
        kind = KEYS.index(name) if name in KEYS else 0
        if len(self._fronts) < CACHE_SIZE:
            self._fronts[shown] = kind
        return kind

    def _check_uncached(self, header: bytes | None) -> int:
        credential = bearer_of(header, takes_tokens=self._tokens is not None)
        if self._tokens is not None:
            self._cache(header, TOKEN, self._tokens.expiry_of(credential))
            return TOKEN
        key = self._key_of(credential)
        self._cache(header, key)
        return key

    def _key_of(self, credential: bytes) -> int:
        digest = hashlib.sha256(credential).hexdigest()
        matches = [hmac.compare_digest(digest, known) for known in self._digests]  # all, in constant time
        if not any(matches):
            raise unauthenticated("The key is not one of this service's keys.")
        return min(matches.index(True) + 1, SECONDARY)

    def _cache(self, header: bytes | None, key: int, end: float | None = None) -> None:
        """An expired token is not cached: its leeway is checked each time."""
        if end is not None:
            if end <= time():
                return
            self._expiry[header] = end
        if len(self._cached) >= CACHE_SIZE:
            self._evict(next(iter(self._cached)))
        self._cached[header] = key

    def _evict(self, header: bytes | None) -> None:
        self._cached.pop(header, None)
        self._expiry.pop(header, None)


def _token_check(rules: TokenRules) -> "TokenCheck":
    try:
        from scoring.auth.tokens import TokenCheck  # late: most services take keys and may do without the library
    except ImportError as error:
        message = "A service that takes tokens needs PyJWT in its environment: rebuild the environment."
        raise StartFailure("import_missing", message, str(error)) from error
    return TokenCheck(rules)


def bearer_of(header: bytes | None, *, takes_tokens: bool) -> bytes:
    """The credential in the header Authorization; ScoringError 401 where it has none."""
    scheme, _, credential = (header or b"").partition(b" ")
    credential = credential.strip()
    if scheme.lower() != b"bearer" or not credential:
        wanted = "<token>` (a JSON Web Token that the studio makes)." if takes_tokens else "<key>`."
        raise unauthenticated(f"This service needs the header `Authorization: Bearer {wanted}")
    return credential


def unauthenticated(message: str) -> ScoringError:
    """401, with the challenge that RFC 6750 asks for."""
    return ScoringError(401, "unauthorized", message, headers=(("www-authenticate", 'Bearer realm="scoring"'),))
