"""What was packed for devices and is needed no more, and folders of targets that are gone. Called daily."""

import shutil
import time
from pathlib import Path

import msgspec

from deployments.edge.device_rollouts import standing_of
from deployments.models import DeviceRollout, Revision, Target
from deployments.targets.edge.published import ReleaseParts, edge_folder, target_folder

UNUSED_SECONDS = 7 * 86_400.0  # a revision may be deployed again, or rolled back to
DRAFT_SECONDS = 86_400.0


def remove_unused_parts() -> None:
    """Parts stay as long as a device may ask for them, or a release names them that was made or used lately."""
    _remove_gone_targets()
    kept = _parts_of_devices()
    for path in _files("releases", "*.json"):
        packed = _read(path)
        is_known = packed is not None and Revision.objects.filter(content_hash=path.stem).exists()
        used = packed is not None and kept & {part.sha256 for part in packed.parts.values()}
        if packed is None or (not used and (not is_known or _age(path) > UNUSED_SECONDS)):
            path.unlink(missing_ok=True)
        else:
            kept |= {part.sha256 for part in packed.parts.values()}
    for path in _files("parts", "*.tar.gz"):
        if path.name.partition(".")[0] not in kept and _age(path) > DRAFT_SECONDS:
            path.unlink(missing_ok=True)
    for path in _files("parts", ".*.draft"):
        if _age(path) > DRAFT_SECONDS:
            path.unlink(missing_ok=True)


def _parts_of_devices() -> set[str]:
    """Of what devices run or are to run, and of what is published."""
    releases = []
    for row in DeviceRollout.objects.all():
        standing = standing_of(row)
        releases += [release for release in (standing.stable, standing.next) if release is not None]
    for target in Target.objects.filter(kind="edge"):
        releases += target_folder(target.pk).wanted().values()
    return {part["sha256"] for release in releases for part in release.release["parts"].values()}


def _remove_gone_targets() -> None:
    known = {str(pk) for pk in Target.objects.values_list("pk", flat=True)}
    for path in _files("targets", "*"):
        if path.name not in known:
            shutil.rmtree(path, ignore_errors=True)


def _files(folder: str, pattern: str) -> list[Path]:
    return sorted((edge_folder() / folder).glob(pattern))


def _read(path: Path) -> ReleaseParts | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=ReleaseParts)
    except (OSError, msgspec.DecodeError):
        return None


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
