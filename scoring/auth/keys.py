"""Who may call: `Authorization: Bearer <key or token>` against keys.json, which is read again when it changes."""

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

if TYPE_CHECKING:
    from scoring.auth.tokens import TokenCheck

KNOWN_LIMIT = 256
SECONDARY = KEYS.index("secondary")
TOKEN = KEYS.index("token")


class Keys:
    """The keys of a service, or the rules of its tokens: never both at once.

    A header that was right once is remembered until the file changes, or the token in it expires.
    """

    def __init__(self, path: Path, required: bool) -> None:
        """Raises `StartFailure` where tokens are wanted and the environment cannot check them."""
        self._path = path
        self._required = required
        self._stamp: tuple[int, int, int] | None = None
        self._digests: list[str] = []
        self._tokens: TokenCheck | None = None
        self._told = ""  # the last complaint, so that it is logged once
        self._known: dict[bytes | None, int] = {}
        self._ends: dict[bytes | None, float] = {}  # when what is known of a token ends (epoch seconds)
        if required:
            self._read_again()

    def refresh(self) -> None:
        """Look whether the file has changed and which tokens have ended; called about once a second."""
        if not self._required:
            return
        try:
            self._read_again()
        except StartFailure as error:
            self._complain(error)
        now = time()
        for header in [header for header, end in self._ends.items() if end <= now]:
            self._forget(header)

    def _read_again(self) -> None:
        try:
            told = os.stat(self._path)
            stamp = (told.st_mtime_ns, told.st_size, told.st_ino)
            if stamp != self._stamp:
                found = msgspec.json.decode(self._path.read_bytes(), type=KeysFile)
                self._tokens = _token_check(found.tokens) if found.tokens else None
                self._digests = [] if found.tokens else found.digests
                self._stamp, self._known, self._ends, self._told = stamp, {}, {}, ""
        except (OSError, msgspec.DecodeError) as error:
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        if str(error) != self._told:
            log(f"keys.json cannot be used, the keys known so far stay: {error}", "W")
        self._stamp, self._told = None, str(error)

    def check(self, header: bytes | None) -> int:
        """Which of `KEYS` the header carries; 401 where one is needed and it carries none."""
        key = self._known.get(header)
        if key is None:
            return self._check_slowly(header) if self._required else 0
        return key

    def _check_slowly(self, header: bytes | None) -> int:
        scheme, _, shown = (header or b"").partition(b" ")
        shown = shown.strip()
        if scheme.lower() != b"bearer" or not shown:
            wanted = "<token>` (a JSON Web Token that the studio makes)." if self._tokens else "<key>`."
            raise _refused(f"This service needs the header `Authorization: Bearer {wanted}")
        if self._tokens is not None:
            self._remember(header, TOKEN, self._tokens.expiry_of(shown))
            return TOKEN
        key = self._key_of(shown)
        self._remember(header, key)
        return key

    def _key_of(self, shown: bytes) -> int:
        digest = hashlib.sha256(shown).hexdigest()
        matches = [hmac.compare_digest(digest, known) for known in self._digests]  # all, in constant time
        if not any(matches):
            raise _refused("The key is not one of this service's keys.")
        return min(matches.index(True) + 1, SECONDARY)

    def _remember(self, header: bytes | None, key: int, end: float | None = None) -> None:
        """What has ended is not remembered: the leeway that a token has then is for the slow path to measure."""
        if end is not None:
            if end <= time():
                return
            self._ends[header] = end
        if len(self._known) >= KNOWN_LIMIT:
            self._forget(next(iter(self._known)))
        self._known[header] = key

    def _forget(self, header: bytes | None) -> None:
        self._known.pop(header, None)
        self._ends.pop(header, None)


def _token_check(rules: TokenRules) -> "TokenCheck":
    try:
        from scoring.auth.tokens import TokenCheck  # late: most services take keys and may do without the library
    except ImportError as error:
        message = "A service that takes tokens needs PyJWT in its environment: make the environment anew."
        raise StartFailure("import_missing", message, str(error)) from error
    return TokenCheck(rules)


def _refused(message: str) -> ScoringError:
    return ScoringError(401, "unauthorized", message, headers=(("www-authenticate", 'Bearer realm="scoring"'),))
