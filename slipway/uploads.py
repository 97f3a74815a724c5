"""Files to the studio in chunks: hashed while they are read, gone on from where the studio is after an interruption."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import quote

from slipway.errors import Misuse, SlipwayApiError, SlipwayError, Unreachable
from slipway.transport import Transport, pause
from slipway.types import Upload

TRIES = 8  # of one chunk: about half a minute with its pauses
Progress = Callable[[int], None]


def collect(paths: list[Path]) -> dict[str, Path]:
    """Files by their path in the version: a file by its name, a folder's files by their path below it.

    Raises `Misuse` for a path that is not there, an empty folder and two files of one path.
    """
    found: dict[str, Path] = {}
    for path in paths:
        for name, file in _files_of(path):
            if name in found:
                raise Misuse(f"Both {found[name]} and {file} would be '{name}' in the version.")
            found[name] = file
    return found


def _files_of(path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield path.name, path
        return
    if not path.is_dir():
        raise Misuse(f"There is no file or folder {path}.")
    files = sorted(file for file in path.rglob("*") if file.is_file())
    if not files:
        raise Misuse(f"The folder {path} is empty.")
    for file in files:
        yield file.relative_to(path).as_posix(), file


class Uploader:
    """Uploads of one workspace. `base` is its address below /api/v1/."""

    def __init__(self, transport: Transport, base: str) -> None:
        self._transport = transport
        self._base = base

    def send_all(self, files: dict[str, Path], progress: Progress | None = None) -> list[str]:
        """Send every file; the ids of the complete uploads, in order. On failure none is left behind."""
        done: list[str] = []
        try:
            for name, file in files.items():
                done.append(self.send(name, file, progress))
        except BaseException:
            for upload in done:
                self._abandon(upload)
            raise
        return done

    def send(self, name: str, file: Path, progress: Progress | None = None) -> str:
        """Send one file; the id of the complete upload."""
        try:
            with file.open("rb") as stream:
                return self._send(name, stream, progress or (lambda count: None))
        except OSError as reason:
            raise Misuse(f"{file} cannot be read: {reason.strerror or reason}") from reason

    def _send(self, name: str, stream: BinaryIO, progress: Progress) -> str:
        size = os.fstat(stream.fileno()).st_size
        began = self._transport.json("POST", f"{self._base}/uploads", body={"path": name, "size": size})
        upload = cast(Upload, began)
        digest = hashlib.sha256()
        try:
            offset = 0
            while chunk := stream.read(upload["chunk_bytes"]):
                digest.update(chunk)
                self._send_chunk(upload["id"], offset, chunk)
                offset += len(chunk)
                progress(len(chunk))
            self._transport.json("POST", f"{self._at(upload['id'])}/complete", body={"sha256": digest.hexdigest()})
        except BaseException:
            self._abandon(upload["id"])
            raise
        return upload["id"]

    def _send_chunk(self, upload: str, offset: int, chunk: bytes) -> None:
        """Send `chunk`, which begins at `offset`; after an error ask how much of it has arrived and send the rest."""
        arrived = 0
        for attempt in range(TRIES):
            try:
                self._put(upload, offset + arrived, chunk[arrived:])
                return
            except (SlipwayApiError, Unreachable) as error:
                if attempt == TRIES - 1 or not _passes(error):
                    raise
            self._transport.sleep(pause(attempt))
            received = self._received(upload)
            arrived = offset + arrived if received is None else received
            arrived -= offset
            if not 0 <= arrived <= len(chunk):
                raise SlipwayError("The studio lost a part of the upload.", hint="Start the command again.")
            if arrived == len(chunk):
                return

    def _put(self, upload: str, offset: int, chunk: bytes) -> None:
        headers = {"Content-Type": "application/octet-stream"}
        where = {"offset": offset}
        self._transport.call("PUT", self._at(upload), content=chunk, headers=headers, params=where, retries=0)

    def _received(self, upload: str) -> int | None:
        """Bytes that have arrived; None while the studio is away."""
        try:
            return cast(Upload, self._transport.json("GET", self._at(upload)))["received"]
        except Unreachable:
            return None
        except SlipwayApiError as error:
            if _passes(error):
                return None
            raise

    def _abandon(self, upload: str) -> None:
        with suppress(SlipwayError):  # the studio sweeps unfinished uploads itself
            self._transport.call("DELETE", self._at(upload), retries=0)

    def _at(self, upload: str) -> str:
        return f"{self._base}/uploads/{quote(upload)}"


def _passes(error: SlipwayError) -> bool:
    """May trying again help? 409 means: another offset, which the studio will tell."""
    return not isinstance(error, SlipwayApiError) or error.status == 409 or error.status >= 500
