"""What must be true before the programs start: tables, an administrator, a workspace."""

import secrets
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from scoring.front_contract import FIRST_WORKSPACE
from studio.accounts.models import User, Workspace
from studio.backup.databases import DatabaseNotCopied, database
from studio.backup.releases import check_database_is_not_newer
from studio.core.errors import BadInput
from studio.core.quantities import counted
from studio.stack.console import echo

ADMINISTRATOR = "admin"


COPIES = 3  # of the database from before migrations that are kept


def migrate_if_needed() -> bool:
    """Bring the tables up to date, after a copy of the database; True when something had to be done.

    Raises `Conflict` for a database of a newer release.
    """
    check_database_is_not_newer(str(copies_folder()))
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        return False
    if executor.loader.applied_migrations:
        copy_database_before(str(plan[0][0]))
    echo(f"preparing the database: {counted(len(plan), 'step')}")
    call_command("migrate", interactive=False, verbosity=0)
    return True


def copies_folder() -> Path:
    folder: Path = settings.DATA_DIR / "database-copies"
    return folder


def copy_database_before(migration: str) -> None:
    """Keep the database as it is, so that the release before can be gone back to. Older copies make room.

    A copy that cannot be made for want of a tool is no reason to stop; one that finds no room is.
    """
    folder, engine = copies_folder(), database()
    folder.mkdir(mode=0o700, exist_ok=True)
    copy = folder / f"{_now()}-before-{migration}{Path(engine.file_name).suffix}"
    try:
        engine.copy(copy)
        echo(f"copied the database to {copy} before it is migrated")
    except DatabaseNotCopied as reason:
        copy.unlink(missing_ok=True)
        if engine.engine == "sqlite":
            raise
        echo(f"no copy of the database was made before it is migrated: {reason.message} {reason.hint}")
    for old in sorted(folder.glob("*-before-*"))[:-COPIES]:
        old.unlink()


def _now() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


@transaction.atomic
def first_administrator(chosen_password: str | None) -> str | None:
    """Create the administrator and the first workspace in a studio without people.

    Returns the password to show once, or None when there are people already. `chosen_password` comes from
    SLIPWAY_ADMIN_PASSWORD and counts only at the first start; the database keeps a hash. Raises `BadInput` for one that
    is too easy to guess.
    """
    Workspace.objects.get_or_create(slug=FIRST_WORKSPACE, defaults={"name": "Default"})
    if User.objects.exists():
        return None
    password = chosen_password or secrets.token_urlsafe(12)
    try:
        validate_password(password, User(username=ADMINISTRATOR))
    except ValidationError as reason:
        raise BadInput(
            f"SLIPWAY_ADMIN_PASSWORD cannot be used: {' '.join(reason.messages)}",
            hint="Choose another one, or leave it out: the studio then makes one and shows it once.",
        ) from reason
    User.objects.create_superuser(ADMINISTRATOR, password=password)
    return password
