"""Which environments are built: a row for each definition, written by whoever makes it. Web processes ask these rows
and never a disk."""

import hashlib
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from registry.environments.installation import LOCK_NAME
from registry.environments.paths import CURATED_HASH, environment_path
from registry.models import BuiltEnvironment, Environment


def is_built(definition_hash: str) -> bool:
    """Whether services can be started in it."""
    return definition_hash == CURATED_HASH or BuiltEnvironment.objects.usable(definition_hash).exists()


def use(definition_hash: str) -> bool:
    """The same, and a note that it is used from now on, so that the collection leaves it alone."""
    if definition_hash == CURATED_HASH:
        return True
    return bool(BuiltEnvironment.objects.usable(definition_hash).update(last_used_at=timezone.now()))


def begin(definition_hash: str) -> None:
    """Somebody is making it now."""
    _note(definition_hash, begun_at=timezone.now())


def fail(definition_hash: str) -> None:
    """The attempt did not end well."""
    _note(definition_hash, begun_at=None, failed_at=timezone.now())


def record(definition_hash: str) -> None:
    """It is there, be it just made or found again. Call it once its folder has its name."""
    if use(definition_hash):
        return
    folder, now = environment_path(definition_hash), timezone.now()
    facts = {"digest": _digest(folder), "size_bytes": size_of(folder), "built_at": now, "last_used_at": now}
    _note(definition_hash, begun_at=None, failed_at=None, removing_at=None, place=folder.name, **facts)


def forget(definition_hash: str) -> None:
    """Its folder has gone."""
    BuiltEnvironment.objects.filter(definition_hash=definition_hash).update(built_at=None, removing_at=None)


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder; links count as nothing."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def with_built(environments: Iterable[Environment]) -> list[Environment]:
    """The environments with their rows read ahead, once for all, for `state_of`."""
    listed = list(environments)
    hashes = {environment.definition_hash for environment in listed}
    rows = {row.definition_hash: row for row in BuiltEnvironment.objects.filter(definition_hash__in=hashes)}
    for environment in listed:
        environment.built = rows.get(environment.definition_hash)
    return listed


def state_of(environment: Environment) -> tuple[str, str]:
    """A word and its tone. An environment is made by the first deployment that needs it."""
    if environment.definition_hash == CURATED_HASH:
        return "ready", "ok"
    row = _row_of(environment)
    if row and row.is_usable:
        return "ready", "ok"
    if row and row.begun_at and timezone.now() - row.begun_at < timedelta(seconds=settings.SLIPWAY["BUILD_SECONDS"]):
        return "being made", "busy"
    if row and (row.begun_at or row.failed_at):  # whoever began it long ago has died over it
        return "last try failed", "bad"
    return ("locked", "idle") if environment.lock else ("not made yet", "idle")


def _row_of(environment: Environment) -> BuiltEnvironment | None:
    if hasattr(environment, "built"):
        return environment.built
    return BuiltEnvironment.objects.filter(definition_hash=environment.definition_hash).first()


def _note(definition_hash: str, **facts: object) -> None:
    BuiltEnvironment.objects.update_or_create(definition_hash=definition_hash, defaults=facts)


def _digest(folder: Path) -> str:
    """SHA-256 of its lock, which names every file that was installed by its hash."""
    lock = folder / LOCK_NAME
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.exists() else ""
