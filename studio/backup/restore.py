"""Restore a backup into an empty data folder, and verify it."""

from contextlib import AbstractContextManager
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from deployments.models import BuiltBundle
from registry.errors import DigestMismatch, SizeMismatch
from registry.models import BuiltEnvironment, Upload
from registry.store import artifacts
from studio.backup import manifest
from studio.backup.backup import KEYS, Tell, snapshots
from studio.backup.databases import database
from studio.backup.manifest import Kept, Manifest
from studio.backup.places import Damaged, Place, fetched, keep
from studio.backup.releases import check_backup_is_not_newer
from studio.backup.restore_mark import MARK
from studio.backup.verify import verify
from studio.core.errors import BadInput, Conflict, NotFound
from studio.core.quantities import counted


def read_manifest(place: Place, snapshot: str = "") -> Manifest:
    """That of a snapshot, or of the newest. Raises `NotFound`."""
    names = snapshots(place)
    if not names or (snapshot and snapshot not in names):
        raise NotFound(
            f"There is no snapshot {snapshot}there." if snapshot else "There is no backup there.",
            hint=f"There are {', '.join(names[-10:])}."
            if names
            else "Give the folder or address that backup was given.",
        )
    with place.open(manifest.file_name(snapshot or names[-1], manifest.NAME)) as stream:
        return manifest.decode(stream.read())


def restore(place: Place, found: Manifest, tell: Tell = lambda line: None) -> list[str]:
    """Put a snapshot into the empty data folder of this studio; what is wrong with the result, in words.

    Repeat it when it was interrupted. Raises `Conflict` for a data folder or database that holds something, and for a
    backup of a newer release; `Damaged` for one that is.
    """
    engine = database()
    if engine.engine != found.engine:
        raise BadInput(
            f"This backup is of a {found.engine} database, and this studio uses {engine.engine}.",
            hint="Set DATABASE_URL as it was for the studio that was backed up.",
        )
    check_backup_is_not_newer(found.migrations)
    _begin(found, is_empty=engine.is_empty())
    _restore_keys(place, found)
    if engine.is_empty():
        kept = _file(found, engine.file_name)
        with _fetched(place, found, kept) as source:
            engine.restore(source)
        tell(f"the database: {kept.size:,} bytes")
    call_command("migrate", interactive=False, verbosity=0)
    _restore_artifacts(place, found, tell)
    _forget_what_is_not_here()
    problems = verify()
    (settings.DATA_DIR / MARK).unlink()
    return problems


def _begin(found: Manifest, *, is_empty: bool) -> None:
    """Mark the data folder. One that has the mark of this snapshot goes on."""
    mark: Path = settings.DATA_DIR / MARK
    if mark.exists():
        if mark.read_text() != found.snapshot:
            raise Conflict(
                f"The restore of another snapshot, {mark.read_text()[:100]}, has not come to its end here.",
                hint="Go on with that one (--snapshot), or begin with an empty data folder.",
            )
        return
    if not is_empty:
        raise Conflict(
            f"There is a database already: a backup is restored into an empty data folder ({settings.DATA_DIR}).",
            hint="Set SLIPWAY_DATA to a new folder, and with PostgreSQL DATABASE_URL to an empty database.",
        )
    mark.write_text(found.snapshot)


def _restore_keys(place: Place, found: Manifest) -> None:
    """Also for the rest of this process: it has begun with the keys of an empty data folder."""
    for name in KEYS:
        if kept := next((kept for kept in found.files if kept.name == name), None):
            with _fetched(place, found, kept) as source:
                keep(source, settings.DATA_DIR / name)
            if name == "encryption.key" and not settings.ENCRYPTION_KEYS_ARE_GIVEN:
                settings.ENCRYPTION_KEYS = [(settings.DATA_DIR / name).read_text().strip()]


def _restore_artifacts(place: Place, found: Manifest, tell: Tell) -> None:
    """Bring all of them into the store. What the place has lost or damaged is left out; `verify` names it."""
    store, new = artifacts.store_of_files(), 0
    for kept in found.artifacts:
        if store.exists(artifacts.name_of(kept.sha256)):
            continue
        try:
            with place.open(manifest.artifact_name(kept.sha256)) as stream:
                artifacts.store(stream, expected_digest=kept.sha256, expected_size=kept.size)
            new += 1
        except FileNotFoundError:
            tell(f"{kept.sha256[:12]}… is not in the backup any more")
        except (DigestMismatch, SizeMismatch):
            tell(f"{kept.sha256[:12]}… is damaged in the backup")
    tell(f"{counted(new, 'file')} of models and configs")


def _forget_what_is_not_here() -> None:
    """Bundles and environments are built again when they are needed; half-received uploads are sent again."""
    BuiltBundle.objects.all().delete()
    BuiltEnvironment.objects.update(built_at=None, begun_at=None, removing_at=None)
    Upload.objects.filter(artifact=None).delete()


def _file(found: Manifest, name: str) -> Kept:
    kept = next((kept for kept in found.files if kept.name == name), None)
    if kept is None:
        raise Damaged(f"The backup {found.snapshot} has no {name}.", hint="Restore another snapshot.")
    return kept


def _fetched(place: Place, found: Manifest, kept: Kept) -> AbstractContextManager[Path]:
    return fetched(place, manifest.file_name(found.snapshot, kept.name), kept.sha256, settings.DATA_DIR)
