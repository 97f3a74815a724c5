"""Files of a version to a folder: checked by SHA-256, put in place only when whole."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import httpx

from slipway.errors import AlreadyThere, Misuse, SlipwayError, Unreachable
from slipway.transport import Transport
from slipway.types import FileFacts, Version

Progress = Callable[[int], None]


def download(
    transport: Transport,
    base: str,
    version: Version,
    target: Path,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Write all files of `version` below `target`; their paths.

    Raises `AlreadyThere` before anything is written when a file is in the way and `overwrite` is off.
    """
    places = {file["path"]: _inside(target, file["path"]) for file in version["files"]}
    taken = [place for place in places.values() if place.exists()]
    if taken and not overwrite:
        raise AlreadyThere(f"{taken[0]} exists already.", hint="Add --overwrite, or choose another folder.")
    for file in version["files"]:
        url = f"{base}/versions/{quote(version['id'])}/files/{quote(file['path'])}"
        try:
            _fetch(transport, url, file, places[file["path"]], progress or (lambda count: None))
        except OSError as reason:
            raise Misuse(f"{reason.filename or target} cannot be written: {reason.strerror or reason}") from reason
    return list(places.values())


def _inside(target: Path, path: str) -> Path:
    """Where a file goes; never outside of `target`, whatever the server says."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or ":" in parts[0]:
        raise SlipwayError(f"The studio names a file '{path}', which would leave the folder.")
    return target.joinpath(*parts)


def _fetch(transport: Transport, url: str, file: FileFacts, place: Path, progress: Progress) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f".{place.name}.{os.getpid()}.part")
    digest = hashlib.sha256()
    try:
        with transport.stream(url) as response, draft.open("wb") as out:
            for piece in transport.checked(response).iter_bytes():
                out.write(piece)
                digest.update(piece)
                progress(len(piece))
        if digest.hexdigest() != file["sha256"].removeprefix("sha256:"):
            raise SlipwayError(f"{file['path']} arrived damaged: its SHA-256 differs.", hint="Download it again.")
        os.replace(draft, place)
    except httpx.TransportError as reason:
        raise Unreachable(f"The download of {file['path']} broke off: {reason}", hint="Start it again.") from reason
    finally:
        draft.unlink(missing_ok=True)
