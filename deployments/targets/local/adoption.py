"""Run folders of version 0.1.0, which kept one process of a service in the service's own folder.

Such a folder belongs to the instance whose revision was started there last. It stays where it is while its process
lives, and moves to the instance's place when the instance is started again or removed.
"""

from pathlib import Path

import msgspec

from deployments.targets.local.files import read_struct
from deployments.targets.local.run_folder import RunFolder, ServiceFolder


class _Started(msgspec.Struct):
    revision: int


def old_run_folder(service: ServiceFolder, revision: int | None = None) -> RunFolder | None:
    """The folder of version 0.1.0, if there is one and it belongs to `revision` (None: to any)."""
    folder = RunFolder(service.path)
    started = read_struct(folder.launch, _Started) or read_struct(folder.run, _Started)
    return folder if started and revision in (None, started.revision) else None


def move(service: ServiceFolder, instance_id: int) -> RunFolder:
    """Put all that lies in the old folder where the instance's things belong. Call it while holding the old lock, which
    moves along. What tells whose folder it is goes last, so that an interrupted move is taken up again."""
    old, new = RunFolder(service.path), service.instance(instance_id)
    new.path.mkdir(mode=0o700, exist_ok=True)
    stays = {service.address.name, service.handover.name}
    last = [old.run, old.launch]
    for path in [path for path in service.path.iterdir() if path not in last] + last:
        if path.name not in stays and not path.name.isdecimal():
            _rename(path, new.path / path.name)
    return new


def _rename(path: Path, place: Path) -> None:
    if path.exists() or path.is_symlink():
        path.rename(place)
