"""Telemetry of containers that share no folder with the studio: read from their volume, and removed there once it is
kept. User code can write there, too."""

import io
import tarfile
from collections.abc import Callable
from contextlib import suppress

import docker.errors

from deployments.engines import EngineClient
from deployments.targets.docker.places import WORK
from deployments.targets.spooled import MOST_WINDOWS, NAME
from deployments.targets.untrusted_files import MOST_BYTES

MOST_ARCHIVE_BYTES = 64 * 1024 * 1024
REMOVE = (
    "import os, sys\nfor path in sys.argv[1:]:\n    try:\n        os.unlink(path)\n    except OSError:\n        pass"
)


def take_windows(client: EngineClient, container: str, keep: Callable[[list[bytes]], None]) -> int:
    """As `deployments.targets.base.KeepsWindows` says, of a container that runs. Windows that were kept and not removed
    come again; the studio knows them by their number."""
    found = _oldest(_archive(client, container))
    if not found:
        return 0
    keep(list(found.values()))
    _remove(client, container, list(found))
    return len(found)


def _archive(client: EngineClient, container: str) -> bytes:
    """The folder, cut off where somebody has filled it."""
    content = bytearray()
    with suppress(docker.errors.NotFound):
        stream, _ = client.get_archive(container, f"{WORK}/spool")
        for piece in stream:
            content += piece
            if len(content) > MOST_ARCHIVE_BYTES:
                break
    return bytes(content)


def _oldest(archive: bytes) -> dict[str, bytes]:
    """Regular files of the right names, by name. What cannot be read further is left for the next time."""
    found: dict[str, bytes] = {}
    with suppress(tarfile.TarError, EOFError), tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for entry in tar:
            name = entry.name.rpartition("/")[2]
            file = tar.extractfile(entry) if entry.isreg() and NAME.fullmatch(name) else None
            if file is not None and entry.size <= MOST_BYTES and (content := file.read()):
                found[name] = content
    return {name: found[name] for name in sorted(found)[:MOST_WINDOWS]}


def _remove(client: EngineClient, container: str, names: list[str]) -> None:
    """By the interpreter that the image runs, as there may be no shell; as the container's own user."""
    with suppress(docker.errors.NotFound):
        entrypoint = client.inspect_container(container)["Config"]["Entrypoint"]
        command = [entrypoint[0], "-c", REMOVE, *(f"{WORK}/spool/{name}" for name in names)]
        begun = client.exec_create(container, command, stdout=False, stderr=False)
        client.exec_start(begun["Id"])
