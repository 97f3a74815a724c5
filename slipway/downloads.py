"""Files of the studio to a folder: checked by SHA-256, put in place only when whole."""

import errno
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx

from slipway.errors import Misuse, SlipwayError, Unreachable
from slipway.places import fault_of, inside
from slipway.saving import refuse_existing
from slipway.transport import Transport
from slipway.types import FileFacts

Progress = Callable[[int], None]
_OF_THE_NAME = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL})  # other names may still be written


@dataclass(frozen=True)
class Source:
    """What has files: its "name:number", its address below /api/v1/, and the files."""

    id: str
    address: str
    files: Sequence[FileFacts]


def download(
    transport: Transport,
    source: Source,
    target: Path,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Write all files of `source` below `target`; their paths.

    Raises `AlreadyThere` before anything is written when a file is in the way and `overwrite` is off, and
    `SlipwayError` after all others are written for files that this machine cannot keep, naming each.
    """
    places = {file["path"]: inside(target, file["path"]) for file in source.files}
    refused = {path: fault for path in places if (fault := fault_of(path))}
    wanted = [file for file in source.files if file["path"] not in refused]
    refuse_existing([places[file["path"]] for file in wanted], overwrite=overwrite)
    for file in wanted:
        url = f"{source.address}/files/{quote(file['path'])}"
        try:
            _fetch(transport, url, file, places[file["path"]], progress or (lambda count: None))
        except OSError as reason:
            if reason.errno not in _OF_THE_NAME:
                raise Misuse(f"{reason.filename or target} cannot be written: {reason.strerror or reason}") from reason
            refused[file["path"]] = reason.strerror or str(reason)
    if refused:
        raise _incomplete(source, refused)
    return list(places.values())


def fetch_file(
    transport: Transport, url: str, facts: FileFacts, place: Path, *, overwrite: bool = False, progress: Progress
) -> Path:
    """One file of the studio to `place`, checked by its SHA-256. Raises `AlreadyThere`, `Misuse`, `SlipwayError`."""
    refuse_existing([place], overwrite=overwrite)
    try:
        _fetch(transport, url, facts, place, progress)
    except OSError as reason:
        raise Misuse(f"{reason.filename or place} cannot be written: {reason.strerror or reason}") from reason
    return place


def _incomplete(source: Source, refused: dict[str, str]) -> SlipwayError:
    reasons = "; ".join(f"{path!r}: {fault}" for path, fault in refused.items())
    count = len(source.files)
    return SlipwayError(
        f"{len(refused)} of {count} files of {source.id} cannot be written on this machine: {reasons}.",
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
