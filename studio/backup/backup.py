"""Make a backup, while the studio runs."""

import hashlib
import io
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from registry.models import Artifact
from registry.store.artifacts import name_of, store_of_files
from studio.backup import manifest
from studio.backup.databases import database
from studio.backup.manifest import Kept, Manifest
from studio.backup.places import Damaged, Place
from studio.core.quantities import counted

ARTIFACTS = "SELECT digest, size FROM registry_artifact ORDER BY digest"
KEYS = ("encryption.key", "secret.key")
TRIES = 3  # an artifact may be deleted while it is copied; the database is copied again then
Tell = Callable[[str], None]


class _DeletedMeanwhile(Exception):
    """An artifact of the copied database has been removed from the studio since."""


def make_backup(place: Place, tell: Tell = lambda line: None) -> Manifest:
    """A new snapshot in `place`; artifacts that are there already are not sent again.

    Raises a SlipwayError when the database cannot be copied. Artifacts that the studio itself has lost or that are
    damaged are named in the manifest and do not keep the rest from being saved.
    """
    for _ in range(TRIES - 1):
        try:
            return _make(place, tell)
        except _DeletedMeanwhile:
            tell("files were deleted meanwhile; the database is copied again")
    return _make(place, tell, last_try=True)


def _make(place: Place, tell: Tell, *, last_try: bool = False) -> Manifest:
    now, engine = datetime.now(UTC), database()
    snapshot = now.strftime("%Y%m%dT%H%M%S.%fZ")
    with tempfile.TemporaryDirectory(dir=settings.DATA_DIR, prefix=".backup-") as folder:
        copy = Path(folder) / engine.file_name
        artifacts, migrations = engine.copy(
            copy,
            ARTIFACTS,
            "SELECT app, name FROM django_migrations ORDER BY id",
        )
        tell(f"the database: {copy.stat().st_size:,} bytes")
        sent, lost = _send_artifacts(place, artifacts, tell, last_try=last_try)
        files = [_send_file(place, snapshot, copy)]
    files += [_send_file(place, snapshot, key) for name in KEYS if (key := settings.DATA_DIR / name).exists()]
    made = Manifest(
        snapshot=snapshot,
        created_at=now,
        engine=engine.engine,
        migrations=[f"{app}.{name}" for app, name in migrations],
        files=files,
        artifacts=sent,
        lost=lost,
    )
    _put_bytes(place, manifest.file_name(snapshot, manifest.NAME), manifest.encode(made))
    return made


def _send_artifacts(
    place: Place, rows: list[tuple[str, int]], tell: Tell, *, last_try: bool
) -> tuple[list[Kept], list[str]]:
    """What the place has afterwards, and the digests of what the studio has lost."""
    sent, lost, new = [], [], 0
    for digest, size in rows:
        name = manifest.artifact_name(digest)
        if place.size_of(name) != size:
            try:
                with store_of_files().open(name_of(digest), "rb") as stream:
                    place.put(name, stream, digest)
                new += 1
            except Damaged:
                lost.append(digest)
                continue
            except FileNotFoundError:
                if not last_try and not Artifact.objects.filter(pk=digest).exists():
                    raise _DeletedMeanwhile from None
                lost.append(digest)
                continue
        sent.append(Kept(name=digest, size=size, sha256=digest))
    tell(f"{counted(len(rows), 'file')} of models and configs, {new:,} of them new")
    return sent, lost


def _send_file(place: Place, snapshot: str, path: Path) -> Kept:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(0)
        place.put(manifest.file_name(snapshot, path.name), stream, digest)
    return Kept(name=path.name, size=path.stat().st_size, sha256=digest)


def _put_bytes(place: Place, name: str, content: bytes) -> None:
    place.put(name, io.BytesIO(content), hashlib.sha256(content).hexdigest())


def snapshots(place: Place) -> list[str]:
    """Names of the whole ones, oldest first."""
    names = place.folders("snapshots")
    return [name for name in names if place.size_of(manifest.file_name(name, manifest.NAME)) is not None]
