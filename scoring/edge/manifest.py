"""The manifest of an archive: read, its signature, and every file that it names."""

import base64
import binascii
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from scoring.edge.ed25519 import is_signed
from scoring.edge.problems import EdgeProblem, bad_signature
from scoring.edge_contract import FORMAT, MANIFEST, PARTS, SIGNATURE

PIECE = 1 << 20


def read_manifest(folder: Path) -> dict[str, Any]:
    """Raises `EdgeProblem` (not_an_archive)."""
    try:
        found = json.loads((folder / MANIFEST).read_bytes())
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EdgeProblem(
            "not_an_archive",
            f"{folder / MANIFEST} cannot be read: {error}",
            "Unpack the whole archive with tar, and run the start.sh in its folder.",
        ) from error
    return dict(found)


def check_signature(folder: Path, public_key: bytes) -> None:
    """Raises `EdgeProblem` (bad_signature) unless the owner of the key has signed the manifest."""
    try:
        signature = base64.b64decode((folder / SIGNATURE).read_bytes(), validate=False)
    except (OSError, binascii.Error) as error:
        raise bad_signature(MANIFEST) from error
    if not is_signed(public_key, (folder / MANIFEST).read_bytes(), signature):
        raise bad_signature(MANIFEST)


def read_public_key(text: str) -> bytes:
    """The 32 bytes of a key in base64, or of a PEM file as the studio gives it. Raises `EdgeProblem`."""
    lines = [line.strip() for line in text.splitlines() if "-----" not in line]
    try:
        decoded = base64.b64decode("".join(lines), validate=True)
    except binascii.Error:
        decoded = b""
    if len(decoded) not in {32, 44}:  # as it is, or behind the 12 bytes that say "Ed25519"
        raise EdgeProblem(
            "bad_public_key",
            "This is no public key of a studio: an Ed25519 key in base64 or PEM is expected.",
            "Download it from the page of the target, or with 'slipway device public-key'.",
        )
    return decoded[-32:]


def check_files(folder: Path, manifest: dict[str, Any]) -> None:
    """Raises `EdgeProblem` (damaged) for a file that is missing, has changed or is not in the manifest."""
    listed = {file["path"]: file for file in manifest["files"]}
    unknown = sorted(_found(folder) - set(listed))
    if unknown:
        raise _damaged(f"{unknown[0]} is not in the manifest")
    for path, file in listed.items():
        try:
            if os.stat(folder / path).st_size != file["size"] or digest_of(folder / path) != file["sha256"]:
                raise _damaged(f"the checksum of {path} does not fit")
        except OSError as error:
            raise _damaged(f"{path} cannot be read: {error.strerror}") from error


def digest_of(path: Path) -> str:
    """SHA-256 of a file, hex."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            total.update(piece)
    return total.hexdigest()


def _found(folder: Path) -> set[str]:
    """All files of the parts, links to folders among them."""
    found: set[str] = set()
    for part in PARTS:
        for inside, folders, names in os.walk(folder / part):
            links = [name for name in folders if os.path.islink(os.path.join(inside, name))]
            found |= {os.path.relpath(os.path.join(inside, name), folder) for name in (*names, *links)}
    return found


def _damaged(what: str) -> EdgeProblem:
    return EdgeProblem(
        "damaged",
        f"The archive is damaged or was changed: {what}.",
        "Unpack it again into an empty folder; if that does not help, download it again.",
    )
