"""Writes that a read may do without: they never wait, and their failure is only logged."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.contrib.sessions.backends.base import UpdateError
from django.db import DatabaseError, connection, transaction

BUSY_MS = 50  # how long a lock of another process may keep such a write
_log = logging.getLogger(__name__)


def best_effort(write: Callable[[], object]) -> None:
    """Write if the database takes it at once; a database that does not is left alone."""
    try:
        with _short_lock_timeout(), transaction.atomic():
            write()
    except (DatabaseError, UpdateError) as reason:
        _log.info("skipped an optional write: %s", reason)


@contextmanager
def _short_lock_timeout() -> Iterator[None]:
    """Within it a locked database raises instead of keeping the caller waiting."""
    if connection.vendor == "sqlite":
        before = int(connection.settings_dict["OPTIONS"].get("timeout", 5) * 1000)
        change, undo = f"PRAGMA busy_timeout = {BUSY_MS}", f"PRAGMA busy_timeout = {before}"
    else:
        change, undo = f"SET lock_timeout = '{BUSY_MS}ms'", "SET lock_timeout = DEFAULT"
    with connection.cursor() as cursor:
        cursor.execute(change)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(undo)
