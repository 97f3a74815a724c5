"""What containers print, read from the engine into a file of the studio's: the engine forgets it with the container."""

import re
from datetime import datetime

import docker.errors
import msgspec

from deployments.engines import EngineClient
from deployments.targets import log_files
from deployments.targets.docker.locks import try_lock
from deployments.targets.docker.places import ReplicaFolder
from deployments.targets.untrusted_files import read_struct
from studio.core.atomic_files import write_atomically

FILE_BYTES = 8 * 1024 * 1024
MOST_AT_ONCE = 4 * 1024 * 1024
STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) ")


class Cursor(msgspec.Struct):
    """`log.json`: up to where a container's log is read; `stamp` as the engine writes times."""

    container: str
    stamp: str = ""


def collect(client: EngineClient, folder: ReplicaFolder, container: str) -> None:
    """Append what a container has printed since the last time. Two at once write nothing twice."""
    with try_lock(folder.path / "log.lock") as free:
        if not free:
            return
        cursor = read_struct(folder.log_cursor, Cursor)
        if cursor is None or cursor.container != container:
            cursor = Cursor(container)
        lines, stamp = _read(client, cursor)
        if lines:
            with folder.log.open("ab") as log:
                log.write(lines)
            log_files.rotate(folder.log, FILE_BYTES)
            write_atomically(folder.log_cursor, msgspec.json.encode(Cursor(container, stamp)))


def write(folder: ReplicaFolder, line: str) -> None:
    """A line of the studio's own."""
    with folder.log.open("a") as log:
        log.write(f"{line}\n")


def _read(client: EngineClient, cursor: Cursor) -> tuple[bytes, str]:
    """What is newer than the cursor, and the time of the last of it."""
    lines, stamp = bytearray(), cursor.stamp
    try:
        for piece in client.logs(cursor.container, stream=True, follow=False, timestamps=True, **_since(cursor)):
            told = STAMP.match(piece)
            if told is None or told[1].decode() <= cursor.stamp:
                continue  # `since` counts whole seconds on some engines
            stamp = told[1].decode()
            lines += piece[told.end() :]
            if len(lines) > MOST_AT_ONCE:
                break
    except docker.errors.NotFound:
        return bytes(lines), stamp
    return bytes(lines), stamp


def _since(cursor: Cursor) -> dict[str, int]:
    if not cursor.stamp:
        return {}
    return {"since": int(datetime.fromisoformat(cursor.stamp[:19] + "+00:00").timestamp())}
