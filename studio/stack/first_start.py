"""What must be true before the programs start: tables, an administrator, a workspace."""

import secrets

from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from studio.accounts.models import User, Workspace

ADMINISTRATOR = "admin"
FIRST_WORKSPACE = "default"


def migrate_if_needed() -> bool:
    """Bring the tables up to date; True when something had to be done."""
    executor = MigrationExecutor(connection)
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return False
    call_command("migrate", interactive=False, verbosity=0)
    return True


@transaction.atomic
def first_administrator(chosen_password: str | None) -> str | None:
    """Create the administrator and the first workspace in a studio without people.

    Returns the password to show once, or None when there are people already. `chosen_password` comes from
    SLIPWAY_ADMIN_PASSWORD and counts only at the first start; the database keeps a hash.
    """
    Workspace.objects.get_or_create(slug=FIRST_WORKSPACE, defaults={"name": "Default"})
    if User.objects.exists():
        return None
    password = chosen_password or secrets.token_urlsafe(12)
    User.objects.create_superuser(ADMINISTRATOR, password=password)
    return password
