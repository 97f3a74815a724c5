"""Run folders of earlier versions, in which everything lay together, and the processes that were started in them.

Version 0.1.0 kept one process of a service in the service's own folder; such a folder belongs to the instance whose
revision was started there last. Others are an instance's. A folder stays as it is while its process lives; when the
instance is started again or removed, its files move to where they belong now.

The processes hold the folder's lock together, and `group` tells their process group, whose number is not given to
others while a member of it lives.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

import msgspec

from deployments.targets.local.process import is_held
from deployments.targets.local.run_folder import OTHERS, RunFolder, ServiceFolder
from deployments.targets.untrusted_files import read_struct
from scoring.contract import Status

CONTROL = ("keys.json", "lock", "exit", "stopping", "serving", "server.log", "server.log.1")
LAST = (
    "run.json",
    "launch.json",
)  # what tells that a folder is of an earlier version, so that a move is taken up again
LEFT = ("group", "control", "work", OTHERS)


class _Started(msgspec.Struct):
    revision: int


def run_folder(service: ServiceFolder, instance_id: int, revision: int) -> RunFolder:
    """Where the files of an instance lie now."""
    folder = service.instance(instance_id)
    if any((folder.path / name).exists() for name in LAST):
        return RunFolder(folder.path, flat=True)
    return old_run_folder(service, revision) or folder


def old_run_folder(service: ServiceFolder, revision: int | None = None) -> RunFolder | None:
    """The folder of version 0.1.0, if there is one and it belongs to `revision` (None: to any)."""
    folder = RunFolder(service.path, flat=True)
    started = read_struct(folder.launch, _Started) or read_struct(folder.run, _Started)
    return folder if started and revision in (None, started.revision) else None


def living(service: ServiceFolder) -> list[RunFolder]:
    """Folders of earlier versions in which something lives."""
    flat = [RunFolder(folder.path, flat=True) for folder in service.instances()]
    return [folder for folder in (*flat, RunFolder(service.path, flat=True)) if is_held(folder)]


def move(old: RunFolder, service: ServiceFolder, instance_id: int) -> RunFolder:
    """Put all that lies in the old folder where the instance's things belong. Call it while holding the old lock, which
    moves along."""
    new = service.instance(instance_id)
    for folder in (new.path, new.control, new.work):
        folder.mkdir(mode=0o700, exist_ok=True)
    (old.path / "group").unlink(missing_ok=True)
    stays = {service.address.name, service.handover.name, service.shared.name, *LEFT}
    for path in old.path.iterdir():
        if path.name not in stays and path.name not in LAST and not path.name.isdecimal():
            path.rename((new.control if path.name in CONTROL else new.work) / path.name)
    for name in LAST:
        with suppress(FileNotFoundError):
            (old.path / name).rename(new.control / name)
    return new


# --- processes


def terminate(folder: RunFolder) -> None:
    """SIGTERM to the server, which lets requests finish; to the whole group while it has not said who it is."""
    server = _server(folder)
    if server is None:
        _signal_group(folder, signal.SIGTERM)
    else:
        with suppress(OSError):
            os.kill(server, signal.SIGTERM)


def request_recheck(folder: RunFolder) -> None:
    """SIGHUP to a server that has said who it is."""
    server = _server(folder)
    if server is not None:
        with suppress(OSError):
            os.kill(server, signal.SIGHUP)


def kill(folder: RunFolder) -> None:
    """SIGKILL to the whole group, if a process of the instance lives."""
    _signal_group(folder, signal.SIGKILL)


def server_lives(folder: RunFolder) -> bool:
    """Whether the server that wrote the status still runs, asked while somebody holds the lock; True before it has said
    who it is. What it had started may hold the lock without it."""
    return read_struct(folder.status, Status) is None or _server(folder) is not None


def _server(folder: RunFolder) -> int | None:
    """The server's number, if the process of that number is a living member of the folder's group."""
    status = read_struct(folder.status, Status)
    group = _group(folder)
    with suppress(OSError):
        if status and group is not None and os.getpgid(status.pid) == group and not _is_zombie(status.pid):
            return status.pid
    return None


def _is_zombie(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[:1] == [b"Z"]
    return False


def _group(folder: RunFolder) -> int | None:
    with suppress(FileNotFoundError, ValueError):
        return int((folder.path / "group").read_text())
    return None


def _signal_group(folder: RunFolder, number: signal.Signals) -> None:
    group = _group(folder)
    if group is not None and is_held(folder):
        with suppress(OSError):
            os.killpg(group, number)
