"""Which releases a database fits: migrations that this release does not know were applied by a newer one."""

from collections.abc import Iterable

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from studio.core.errors import Conflict


def check_database_is_not_newer(where_copies_lie: str) -> None:
    """Raises `Conflict` for a database that a newer release has migrated."""
    recorder = MigrationRecorder(connection)
    if unknown := unknown_migrations(f"{app}.{name}" for app, name in recorder.applied_migrations()):
        raise Conflict(
            f"The database was used by a newer release of Slipway: it has the migration {_named(unknown)}, which this "
            "release does not know.",
            hint="Start that release again; or go back with a backup, or with the copy that was made before it was "
            f"migrated ({where_copies_lie}): docs/how-to/backup.md.",
            code="database_is_newer",
        )


def check_backup_is_not_newer(migrations: list[str]) -> None:
    """The same for the database of a backup."""
    if unknown := unknown_migrations(migrations):
        raise Conflict(
            f"This backup was made by a newer release of Slipway: its database has the migration {_named(unknown)}, "
            "which this release does not know.",
            hint="Restore it with the release that made it, or a later one.",
            code="backup_is_newer",
        )


def unknown_migrations(applied: Iterable[str]) -> list[str]:
    """Of `app.name`, those that this release does not have."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    known = {f"{app}.{name}" for app, name in loader.disk_migrations}
    known |= {f"{app}.{name}" for migration in loader.disk_migrations.values() for app, name in migration.replaces}
    return sorted(set(applied) - known)


def _named(unknown: list[str]) -> str:
    return unknown[0] + (f" and {len(unknown) - 1} more" if len(unknown) > 1 else "")
