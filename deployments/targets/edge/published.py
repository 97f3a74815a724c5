"""The folder through which devices of a target are told what to run: what the driver publishes, and where parts are.

edge/targets/<target>/services/<service>/
  <instance>.json   what is published of an instance (`Published`)
  current           the instance that devices are to run
edge/targets/<target>/ports/<port>   the service that answers there, on every device
edge/targets/<target>/standing.json  `Standing`: what devices have told, for the target's check
edge/releases/<content hash>.json    `ReleaseParts`
edge/parts/<sha256>.tar.gz           what devices fetch
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings

from deployments.targets.base import NotBuilt


class Part(msgspec.Struct):
    """A file that devices fetch: its digest, its bytes, and the bytes of what is in it."""

    sha256: str
    size: int
    unpacked: int


class ReleaseParts(msgspec.Struct):
    """What a content was packed into, and the Python that it is for."""

    parts: dict[str, Part]
    python: dict[str, str]


class Published(msgspec.Struct):
    """An instance as devices see it. `asked`: when people last asked for it; what failed before is tried again."""

    service: int
    name: str
    instance: int
    replicas: int
    revision: int
    asked: float
    keys: dict[str, Any]
    release: dict[str, Any]
    published_at: float = 0.0


class Standing(msgspec.Struct):
    """What the devices of a target told last, in sentences."""

    facts: list[str]


@dataclass(frozen=True)
class TargetFolder:
    """Of one target."""

    path: Path

    @property
    def services(self) -> Path:
        return self.path / "services"

    @property
    def ports(self) -> Path:
        return self.path / "ports"

    @property
    def standing(self) -> Path:
        return self.path / "standing.json"

    def instance(self, service: int, instance: int) -> Path:
        return self.services / str(int(service)) / f"{int(instance)}.json"

    def current(self, service: int) -> Path:
        return self.services / str(int(service)) / "current"

    def wanted(self) -> dict[int, Published]:
        """What devices are to run, by service."""
        found = {}
        for folder in self.services.iterdir() if self.services.is_dir() else ():
            name = read_text(folder / "current")
            published = read_published(folder / f"{name}.json") if name.isdecimal() else None
            if published is not None and published.replicas:
                found[published.service] = published
        return found


def edge_folder() -> Path:
    """Where all that is of devices lies."""
    return Path(settings.DATA_DIR) / "edge"


def target_folder(target: int) -> TargetFolder:
    return TargetFolder(edge_folder() / "targets" / str(int(target)))


def part_path(sha256: str) -> Path:
    return edge_folder() / "parts" / f"{sha256}.tar.gz"


def release_path(content_hash: str) -> Path:
    return edge_folder() / "releases" / f"{content_hash}.json"


def release_parts(content_hash: str) -> ReleaseParts:
    """Raises `NotBuilt` where it is not packed, or a part has gone."""
    try:
        found = msgspec.json.decode(release_path(content_hash).read_bytes(), type=ReleaseParts)
    except (FileNotFoundError, msgspec.DecodeError) as error:
        raise NotBuilt("The revision is not packed for devices.") from error
    for name, part in found.parts.items():
        if not part_path(part.sha256).exists():
            raise NotBuilt(f"The {name} that was packed for devices is no longer there.")
    return found


def read_published(path: Path) -> Published | None:
    """None where it is not there."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Published)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def read_text(path: Path) -> str:
    """Empty where it is not there."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
