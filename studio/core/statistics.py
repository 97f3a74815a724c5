"""What SQLite knows about its tables: how many rows they have, and how many of them a value of an index finds.

Without these statistics it guesses, and reads a large registry by the wrong index. PostgreSQL gathers its own in the
background; SQLite has to be asked, and only for tables whose size has changed: gathering holds up writers.
"""

from collections.abc import Iterator

from django.db import connection

CHANGED = 4  # times as many rows as at the last look, or so much fewer; SQLite's own numbers are estimates, too
FEWEST = 100  # rows; in smaller tables every way is quick
ENTRIES = 1_000_000  # of each index that are looked at: some 0.2 s in which writers wait


def keep_statistics() -> list[str]:
    """Gather them for tables that have grown or shrunk a lot since the last time; gives their names.

    Nothing to do on other databases.
    """
    if connection.vendor != "sqlite":
        return []
    changed = list(_changed_tables())
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA analysis_limit = {ENTRIES}")
        for table in changed:  # one by one, so that writers get their turn in between
            cursor.execute(f"ANALYZE {connection.ops.quote_name(table)}")
    return changed


def _changed_tables() -> Iterator[str]:
    known = _known_rows()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608 - a table's own name
            rows, before = cursor.fetchone()[0], known.get(table, 0)
            if rows >= FEWEST and not before / CHANGED < rows < before * CHANGED:
                yield table


def _known_rows() -> dict[str, int]:
    """Rows of each table as SQLite's statistics have them. The table of statistics is there after the first ANALYZE."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'")
        if cursor.fetchone() is None:
            return {}
        cursor.execute("SELECT tbl, max(CAST(stat AS INTEGER)) FROM sqlite_stat1 GROUP BY tbl")
        return dict(cursor.fetchall())
