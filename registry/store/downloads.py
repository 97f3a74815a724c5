"""Send files out: one of a version, in whole or part, or all of them as a zip; never through memory."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

from registry.errors import FileDamaged, FileLost
from registry.models import ModelVersion, VersionFile
from registry.store import artifacts
from registry.store.materialise import StoredFile
from studio.core.errors import NotFound

PIECE = 256 * 1024  # bytes read and sent at a time
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")


def find_file(version: ModelVersion, path: str) -> VersionFile:
    """The file at exactly `path`, or `NotFound` naming the version."""
    found = version.files.select_related("artifact").filter(path=path).first()
    if found is None:
        raise NotFound(f"{version} has no file '{path[:200]}'.")
    return found


def file_response(request: HttpRequest, file: StoredFile) -> HttpResponseBase:
    """The file as a download; a `Range` of bytes is answered with 206, so that broken downloads go on.

    Raises `FileDamaged` instead of sending other bytes than were uploaded.
    """
    must_be_whole(file)
    artifact = file.artifact
    content = Content(artifact.digest, artifact.size, lambda span: _pieces(artifacts.open_artifact(artifact), span))
    return ranged_response(request, content, file.path.rsplit("/", 1)[-1])


def path_response(request: HttpRequest, path: Path, digest: str, filename: str) -> HttpResponseBase:
    """The same for a file on this machine with this SHA-256. Raises `FileNotFoundError`."""
    content = Content(digest, path.stat().st_size, lambda span: _pieces(path.open("rb"), span))
    return ranged_response(request, content, filename)


@dataclass(frozen=True)
class Content:
    """Bytes to send: their SHA-256, how many there are, and what reads a span of them."""

    digest: str
    size: int
    read: Callable[[range], Iterator[bytes]]


def ranged_response(request: HttpRequest, content: Content, filename: str) -> HttpResponseBase:
    """All of it, or the part that a `Range` asks for."""
    size, tag = content.size, f'"{content.digest}"'
    whole = request.headers.get("If-Range", tag) != tag
    part = None if whole else _part(request.headers.get("Range", ""), size)
    if part is not None and not 0 <= part.start < part.stop:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    span = part or range(size)
    response = _attachment(content.read(span), filename, "application/octet-stream")
    for name, value in {"Content-Length": str(len(span)), "Accept-Ranges": "bytes", "ETag": tag}.items():
        response.headers[name] = value
    if part is not None:
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
    return response


def archive_response(version: ModelVersion) -> StreamingHttpResponse:
    """All files of the version in one zip, uncompressed: models hardly shrink, and time is worth more."""
    files = list(version.files.select_related("artifact"))
    for file in files:
        must_be_whole(file)
    return _attachment(_zipped(files), f"{version.name}-{version.number}.zip", "application/zip")


def must_be_whole(file: StoredFile) -> None:
    """Raises `FileLost` and `FileDamaged`, as far as that can be told without reading the file."""
    artifact, path = file.artifact, artifacts.local_path(file.artifact.digest)
    if path and not path.exists():
        raise FileLost(file.path)
    if artifact.damaged_at or (path and path.stat().st_size != artifact.size):
        raise FileDamaged(file.path)


def _attachment(content: Iterator[bytes], filename: str, content_type: str) -> StreamingHttpResponse:
    """Always a download, never shown: an untrusted file must not run as a page of ours."""
    return StreamingHttpResponse(
        content,
        content_type=content_type,
        headers={
            "Content-Disposition": content_disposition_header(True, filename) or "attachment",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-cache",
        },
    )


def _part(header: str, size: int) -> range | None:
    """The span a single range asks for; None for none, several or nonsense, which mean the whole file."""
    match = _RANGE.match(header)
    if not match or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    return range(int(first), min(int(last) + 1, size) if last else size)


def _pieces(opened: IO[bytes], span: range) -> Iterator[bytes]:
    with opened as whole:
        whole.seek(span.start)
        left = len(span)
        while left and (piece := whole.read(min(PIECE, left))):
            left -= len(piece)
            yield piece


class _Outbox(io.RawIOBase):
    """What a ZipFile writes to when it cannot seek; `taken()` empties it."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, piece: bytes) -> int:  # type: ignore[override]
        self._written += piece
        return len(piece)

    def taken(self) -> bytes:
        taken, self._written = bytes(self._written), bytearray()
        return taken


def _zipped(files: list[VersionFile]) -> Iterator[bytes]:
    outbox = _Outbox()
    with zipfile.ZipFile(outbox, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.path, date_time=file.artifact.created_at.timetuple()[:6])
            entry.external_attr = 0o644 << 16
            with archive.open(entry, "w", force_zip64=file.artifact.size >= zipfile.ZIP64_LIMIT) as member:
                for piece in _pieces(artifacts.open_artifact(file.artifact), range(file.artifact.size)):
                    member.write(piece)
                    yield outbox.taken()
            yield outbox.taken()
    yield outbox.taken()
