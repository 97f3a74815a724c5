"""How settings and keys reach a container, and its status the studio: by folders that both share, or by copies."""

import io
import os
import tarfile
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

import docker.errors
import msgspec

from deployments.engines import EngineClient
from deployments.targets.docker.places import CONTROL, KEYS_FILE, RUN_FILE, WORK, ReplicaFolder
from deployments.targets.untrusted_files import make_folder, read_untrusted, remove_tree
from scoring.contract import Status
from studio.core.atomic_files import write_atomically

CONTAINER_USER = 65532
MOST_STATUS_BYTES = 1 << 18
FOLDER, FILE, OWN = 0o750, 0o640, 0o700


def container_user() -> int:
    """Containers run as nobody that the machine knows. A studio without root's rights cannot give folders away: then
    they run as it does, which is still no root."""
    return CONTAINER_USER if os.geteuid() == 0 else os.geteuid()


class Files(Protocol):
    """`prepare` before a container is made, `deliver` before it is started, `update` while it runs; each may be called
    again."""

    def prepare(self, folder: ReplicaFolder, run: bytes, keys: bytes) -> None: ...

    def deliver(self, folder: ReplicaFolder, container: str) -> None: ...

    def update(self, folder: ReplicaFolder, container: str, keys: bytes) -> None: ...

    def status(self, folder: ReplicaFolder, container: str) -> Status | None: ...


class SharedFiles:
    """The container mounts both folders."""

    def prepare(self, folder: ReplicaFolder, run: bytes, keys: bytes) -> None:
        user = container_user()
        for path, mode in ((folder.control, FOLDER), (folder.work, OWN)):
            make_folder(path)
            path.chmod(mode)
        for stale in folder.of_one_run:
            remove_tree(stale)
        if os.geteuid() == 0:
            os.chown(folder.control, -1, user)
            os.chown(folder.work, user, user)
        write_atomically(folder.run, run, group=user)
        write_atomically(folder.keys, keys, group=user)

    def deliver(self, folder: ReplicaFolder, container: str) -> None:
        """It is there."""

    def update(self, folder: ReplicaFolder, container: str, keys: bytes) -> None:
        write_atomically(folder.keys, keys, group=container_user())

    def status(self, folder: ReplicaFolder, container: str) -> Status | None:
        return read_untrusted(folder.status, Status)


class CopiedFiles:
    """The container has a volume, which files are copied into; the studio keeps what it has sent."""

    def __init__(self, client: EngineClient) -> None:
        self._client = client

    def prepare(self, folder: ReplicaFolder, run: bytes, keys: bytes) -> None:
        make_folder(folder.control)
        remove_tree(folder.ended)
        write_atomically(folder.run, run)
        write_atomically(folder.keys, keys)

    def deliver(self, folder: ReplicaFolder, container: str) -> None:
        files = {name: (folder.control / name).read_bytes() for name in (RUN_FILE, KEYS_FILE)}
        self._client.put_archive(container, "/run/slipway", archive(files))

    def update(self, folder: ReplicaFolder, container: str, keys: bytes) -> None:
        if not folder.keys.exists() or folder.keys.read_bytes() != keys:
            self._client.put_archive(container, "/run/slipway", archive({KEYS_FILE: keys}))
            write_atomically(folder.keys, keys)

    def status(self, folder: ReplicaFolder, container: str) -> Status | None:
        """Whatever lies there may be user code's."""
        try:
            stream, about = self._client.get_archive(container, f"{WORK}/status.json")
            if about.get("size", 0) > MOST_STATUS_BYTES or about.get("linkTarget"):
                return None
            content = b"".join(stream)
        except docker.errors.NotFound:
            return None
        with (
            suppress(tarfile.TarError, msgspec.DecodeError, KeyError),
            tarfile.open(fileobj=io.BytesIO(content)) as tar,
        ):
            file = tar.extractfile(tar.getmembers()[0])
            return msgspec.json.decode(file.read(MOST_STATUS_BYTES), type=Status) if file else None
        return None


def archive(files: Mapping[str, bytes]) -> bytes:
    """Both folders, and files of the container's group in `control`, which it can only read."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for path, mode, user in ((CONTROL, FOLDER, 0), (WORK, OWN, CONTAINER_USER)):
            entry = tarfile.TarInfo(path.rpartition("/")[2])
            entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, mode, user, CONTAINER_USER
            tar.addfile(entry)
        for name, text in files.items():
            entry = tarfile.TarInfo(f"control/{name}")
            entry.size, entry.mode, entry.gid = len(text), FILE, CONTAINER_USER
            tar.addfile(entry, io.BytesIO(text))
    return content.getvalue()
