"""Files to the studio in chunks: hashed while they are read, gone on from where the studio is after an interruption."""

import hashlib
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import quote

from slipway.errors import Misuse, SlipwayApiError, SlipwayError, Unreachable
from slipway.journal import Journal, Sent
from slipway.transport import Transport, pause
from slipway.types import Upload
from slipway.wording import part_of

TRIES = 12  # of one chunk: about three quarters of a minute with its pauses
PIECE = 1024 * 1024  # bytes read at a time of what has arrived before
# Refusals that say nothing about the files: sign in again, or try later.
PASSING = frozenset({401, 403, 408, 409, 429})
Progress = Callable[[int], None]
Report = Callable[[str], None]


class _Differs(Exception):
    """What arrived before is not what the file holds now."""


class Uploader:
    """Uploads of one workspace, whose address below /api/v1/ is `base`.

    `report` is called with what people should know.
    """

    def __init__(self, transport: Transport, base: str, report: Report = lambda text: None) -> None:
        self._transport = transport
        self._base = base
        self._report = report

    def send_all(
        self, files: Mapping[str, Path], progress: Progress | None = None, journal: Journal | None = None
    ) -> list[str]:
        """Send every file; the ids of the complete uploads, in order.

        After a failure none is left behind; with a `journal`, what has arrived stays for the next run, unless the
        studio refused it for good.
        """
        done: list[str] = []
        try:
            for name, file in files.items():
                done.append(self.send(name, file, progress, journal))
        except BaseException as error:
            if journal is None or _is_final(error):
                for upload in done:
                    self._abandon(upload)
            if journal is not None and _is_final(error):
                journal.forget()
            raise
        return done

    def send(self, name: str, file: Path, progress: Progress | None = None, journal: Journal | None = None) -> str:
        """Send one file; the id of the complete upload."""
        try:
            with file.open("rb") as stream:
                sending = _Sending(name, stream, progress or (lambda count: None))
                return self._send(sending, journal)
        except OSError as reason:
            raise Misuse(f"{file} cannot be read: {reason.strerror or reason}") from reason

    def _send(self, file: "_Sending", journal: Journal | None) -> str:
        known = self._known(file, journal) if journal else None
        if known:
            try:
                return self._send_rest(file, known, keep=True)
            except _Differs:
                self._report(f"{file.name} has changed since it was sent in part: sending it from the beginning.")
                self._abandon(known["id"])
                file.restart()
        return self._send_rest(file, self._begin(file, journal), keep=journal is not None)

    def _known(self, file: "_Sending", journal: Journal) -> Upload | None:
        """The upload that an earlier run began with the same file, as far as the studio still has it."""
        sent = journal.known(file.name)
        if sent is None:
            return None
        if (sent.size, sent.changed) != (file.size, file.changed):
            self._report(f"{file.name} has changed since it was sent in part: sending it from the beginning.")
            self._abandon(sent.upload)
            return None
        try:
            found = cast(Upload, self._transport.json("GET", self._at(sent.upload)))
        except SlipwayApiError as error:
            if error.status != 404:
                raise
            return None
        if found["received"]:
            self._report(f"Going on with {file.name}: {part_of(found['received'], file.size)} are there.")
        return found

    def _begin(self, file: "_Sending", journal: Journal | None) -> Upload:
        body = {"path": file.name, "size": file.size}
        upload = cast(Upload, self._transport.json("POST", f"{self._base}/uploads", body=body, repeatable=True))
        if journal is not None:
            journal.note(file.name, Sent(upload["id"], file.size, file.changed))
        return upload

    def _send_rest(self, file: "_Sending", upload: Upload, *, keep: bool) -> str:
        """Everything from where the upload stands. Raises `_Differs`, never for an upload that began empty."""
        before = upload["received"]
        try:
            file.skip(before)
            while not upload["complete"] and (chunk := file.read(upload["chunk_bytes"])):
                self._send_chunk(upload["id"], file.offset - len(chunk), chunk)
                file.progress(len(chunk))
            self._complete(upload, file.digest())
        except SlipwayApiError as error:
            if before and error.status == 400:
                raise _Differs from error
            self._give_up(upload["id"], error, keep=keep)
            raise
        except BaseException as error:
            self._give_up(upload["id"], error, keep=keep)
            raise
        return upload["id"]

    def _complete(self, upload: Upload, digest: str) -> None:
        if upload["complete"]:  # by an earlier run
            if upload.get("sha256") != digest:
                raise _Differs
            return
        self._transport.json("POST", f"{self._at(upload['id'])}/complete", body={"sha256": digest}, repeatable=True)

    def _give_up(self, upload: str, error: BaseException, *, keep: bool) -> None:
        if not isinstance(error, _Differs) and (not keep or _is_final(error)):
            self._abandon(upload)

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
                if attempt == 1:  # a first failure often passes at once
                    self._report(f"{error.message.rstrip('.')}. Trying again.")
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


class _Sending:
    """A file on its way: read from the beginning to the end, and hashed meanwhile."""

    def __init__(self, name: str, stream: BinaryIO, progress: Progress) -> None:
        facts = os.fstat(stream.fileno())
        self.name, self.size, self.changed = name, facts.st_size, facts.st_mtime_ns
        self.offset = 0
        self.progress = progress
        self._stream = stream
        self._hash: Any = hashlib.sha256()

    def read(self, count: int) -> bytes:
        piece = self._stream.read(count)
        self._hash.update(piece)
        self.offset += len(piece)
        return piece

    def skip(self, count: int) -> None:
        """Read over what has arrived before. Raises `_Differs` where the file is shorter than that."""
        while self.offset < count:
            if not self.read(min(PIECE, count - self.offset)):
                raise _Differs
        if count:
            self.progress(count)

    def digest(self) -> str:
        """SHA-256 of all that was read, hex."""
        return str(self._hash.hexdigest())

    def restart(self) -> None:
        self.progress(-self.offset)
        self._stream.seek(0)
        self.offset, self._hash = 0, hashlib.sha256()


def _passes(error: SlipwayError) -> bool:
    """May trying again help? 409 means: another offset, which the answer names."""
    return not isinstance(error, SlipwayApiError) or error.status == 409 or error.status >= 500


def _is_final(error: BaseException) -> bool:
    """Did the studio refuse the files themselves? What broke off otherwise can go on."""
    return isinstance(error, SlipwayApiError) and 400 <= error.status < 500 and error.status not in PASSING
