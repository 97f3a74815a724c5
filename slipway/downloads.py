"""Files of a version to a folder: checked by SHA-256, put in place only when whole."""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import httpx

from slipway.errors import AlreadyThere, Misuse, SlipwayError, Unreachable
from slipway.places import fault_of, inside
from slipway.transport import Transport
from slipway.types import FileFacts, Version

Progress = Callable[[int], None]
_OF_THE_NAME = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL})  # other names may still be written


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

    Raises `AlreadyThere` before anything is written when a file is in the way and `overwrite` is off, and
    `SlipwayError` after all others are written for files that this machine cannot keep, naming each.
    """
    places = {file["path"]: inside(target, file["path"]) for file in version["files"]}
    refused = {path: fault for path in places if (fault := fault_of(path))}
    wanted = [file for file in version["files"] if file["path"] not in refused]
    taken = [places[file["path"]] for file in wanted if os.path.lexists(places[file["path"]])]
    if taken and not overwrite:
        raise AlreadyThere(f"{taken[0]} exists already.", hint="Add --overwrite, or choose another folder.")
    for file in wanted:
        url = f"{base}/versions/{quote(version['id'])}/files/{quote(file['path'])}"
        try:
            _fetch(transport, url, file, places[file["path"]], progress or (lambda count: None))
        except OSError as reason:
            if reason.errno not in _OF_THE_NAME:
                raise Misuse(f"{reason.filename or target} cannot be written: {reason.strerror or reason}") from reason
            refused[file["path"]] = reason.strerror or str(reason)
    if refused:
        raise _incomplete(version, refused)
    return list(places.values())


def _incomplete(version: Version, refused: dict[str, str]) -> SlipwayError:
    told = "; ".join(f"{path!r}: {fault}" for path, fault in refused.items())
    count = len(version["files"])
    return SlipwayError(
        f"{len(refused)} of {count} files of {version['id']} cannot be written on this machine: {told}.",
        hint="The others are there. Download these on another system, or as a zip from the version's page.",
    )


def _fetch(transport: Transport, url: str, file: FileFacts, place: Path, progress: Progress) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f".slipway-{os.getpid()}.part")  # short: the name itself may be as long as names can be
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
