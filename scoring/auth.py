"""Who may call: `Authorization: Bearer <key>` against the digests in keys.json, read again when it changes."""

import hashlib
import hmac
import os
from pathlib import Path

import msgspec

from scoring.contract import KEYS
from scoring.errors import ScoringError
from scoring.log import log

KNOWN_LIMIT = 256


class Keys:
    """The keys of a service. A header that was right once is remembered until the file changes."""

    def __init__(self, path: Path, required: bool) -> None:
        self._path = path
        self._required = required
        self._stamp: tuple[int, int, int] | None = None
        self._digests: list[str] = []
        self._told = ""  # the last complaint, so that it is logged once
        self._known: dict[bytes | None, int] = {}
        self.refresh()

    def refresh(self) -> None:
        """Look whether the file has changed; called about once a second."""
        if not self._required:
            return
        try:
            told = os.stat(self._path)
            stamp = (told.st_mtime_ns, told.st_size, told.st_ino)
            if stamp != self._stamp:
                self._digests = [str(one) for one in msgspec.json.decode(self._path.read_bytes())["digests"]]
                self._stamp, self._known, self._told = stamp, {}, ""
        except (OSError, msgspec.DecodeError, KeyError, TypeError) as error:
            if str(error) != self._told:
                log(f"keys.json cannot be read, the keys known so far stay: {error}", "W")
            self._stamp, self._told = None, str(error)

    def check(self, header: bytes | None) -> int:
        """Which of `KEYS` the header carries; 401 where one is needed and it carries none."""
        key = self._known.get(header)
        if key is None:
            return self._check_slowly(header) if self._required else 0
        return key

    def _check_slowly(self, header: bytes | None) -> int:
        scheme, _, key = (header or b"").partition(b" ")
        if scheme.lower() != b"bearer" or not key.strip():
            raise _refused("This service needs the header `Authorization: Bearer <key>`.")
        digest = hashlib.sha256(key.strip()).hexdigest()
        matches = [hmac.compare_digest(digest, known) for known in self._digests]  # all, in constant time
        if not any(matches):
            raise _refused("The key is not one of this service's keys.")
        key = min(matches.index(True) + 1, len(KEYS) - 1)
        if len(self._known) < KNOWN_LIMIT:
            self._known[header] = key
        return key


def _refused(message: str) -> ScoringError:
    return ScoringError(401, "unauthorized", message, headers=(("www-authenticate", 'Bearer realm="scoring"'),))
