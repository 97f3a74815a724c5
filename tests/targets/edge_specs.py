"""What the driver of devices needs on the disk."""

import msgspec

from deployments.targets.edge.published import Part, ReleaseParts, part_path, release_path


def pack(content_hash: str) -> None:
    """A release that counts as packed."""
    part = Part("c" * 64, 7, 7)
    part_path(part.sha256).parent.mkdir(parents=True, exist_ok=True)
    part_path(part.sha256).write_bytes(b"content")
    release_path(content_hash).parent.mkdir(parents=True, exist_ok=True)
    parts = dict.fromkeys(("bundle", "library", "site-packages"), part)
    release_path(content_hash).write_bytes(msgspec.json.encode(ReleaseParts(parts, {"minor": "3.11"})))
