"""Secrets kept in files: made once, readable by their owner only."""

import base64
import hashlib
import os
import secrets
from pathlib import Path


def read_or_create_secret(path: Path, *, fernet: bool = False) -> str:
    """The secret in `path`, made at the first call.

    Several processes may start at once: the file is linked into place whole, so that the loser of the race
    reads the winner's secret and never half of one. `fernet=True` gives a key in Fernet's format.
    """
    if path.exists():
        return path.read_text().strip()
    raw = secrets.token_bytes(32)
    text = base64.urlsafe_b64encode(raw).decode() if fernet else secrets.token_urlsafe(48)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first: its secret counts
    finally:
        draft.unlink()
    return path.read_text().strip()


def new_secret() -> str:
    """256 random bits, printable."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """What is kept of a secret that only has to be recognized: its SHA-256, hex. For random secrets; not for passwords,
    which are guessed."""
    return hashlib.sha256(secret.encode()).hexdigest()
