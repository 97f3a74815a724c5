"""What a snapshot says of itself."""

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from studio.core.errors import BadInput

NAME = "manifest.json"
FORMAT = 1


class Kept(msgspec.Struct):
    """A file of a snapshot, or an artifact (whose name is its digest)."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, kw_only=True):
    """`engine`: of the database. `migrations`: those that had been applied to it, as `app.name`.

    `lost` are digests of artifacts that the studio's own store lacked or had damaged when the backup was made.
    """

    format: int = FORMAT
    snapshot: str
    created_at: datetime
    engine: str
    migrations: list[str]
    files: list[Kept]
    artifacts: list[Kept]
    lost: list[str] = []

    @property
    def bytes(self) -> int:
        return sum(kept.size for kept in (*self.files, *self.artifacts))


def encode(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest))


def decode(text: bytes) -> Manifest:
    """Raises `BadInput` for what is no manifest, or one of a later format."""
    try:
        facts: Any = msgspec.json.decode(text)
        if isinstance(facts, dict) and facts.get("format", 0) > FORMAT:
            raise BadInput(
                f"This backup has the format {facts['format']}, which this release of Slipway does not know.",
                hint="Restore it with the release that made it, or a later one.",
            )
        return msgspec.convert(facts, Manifest)
    except (msgspec.MsgspecError, TypeError) as reason:
        raise BadInput(f"The manifest of this backup cannot be read: {reason}") from reason


def artifact_name(digest: str) -> str:
    """Where a place keeps an artifact."""
    return f"artifacts/{digest[:2]}/{digest}"


def file_name(snapshot: str, name: str) -> str:
    """Where a place keeps a file of a snapshot."""
    return str(Path("snapshots") / snapshot / name)
