"""The whole database in one file, and back: SQLite by its own VACUUM INTO, PostgreSQL by pg_dump and pg_restore."""

import os
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from django.db import connection, transaction

from studio.backup.places import keep
from studio.core.errors import SlipwayError

Rows = list[tuple[Any, ...]]
BUSY_SECONDS = 60.0
NOT_OF_LIBPQ = frozenset({"pool", "isolation_level", "server_side_binding", "assume_role"})  # options that Django reads


class DatabaseNotCopied(SlipwayError):
    """The engine or its tools said no."""

    code = "database_not_copied"


class Database(Protocol):
    """The studio's database. `file_name` is what its copy is called in a snapshot."""

    engine: str
    file_name: str

    def copy(self, target: Path, *queries: str) -> list[Rows]:
        """Write everything to `target` while others read and write; the rows of queries as they are in the copy."""

    def is_empty(self) -> bool:
        """Whether nothing is there that a restore would overwrite."""

    def restore(self, source: Path) -> None:
        """Fill an empty database."""

    def problems(self) -> list[str]:
        """What the engine itself finds wrong."""


def database() -> Database:
    """The studio's database."""
    return Sqlite() if connection.vendor == "sqlite" else Postgres()


class Sqlite:
    engine, file_name = "sqlite", "database.sqlite3"

    def __init__(self) -> None:
        self.path = Path(connection.settings_dict["NAME"])

    def copy(self, target: Path, *queries: str) -> list[Rows]:
        try:
            with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS)) as source:
                source.execute("VACUUM INTO ?", (str(target),))
            _flush(target)
            with closing(sqlite3.connect(target)) as copy:
                return [copy.execute(query).fetchall() for query in queries]
        except sqlite3.Error as reason:
            raise DatabaseNotCopied(
                f"The database could not be copied: {reason}.", hint="Is there room for a copy on the disk?"
            ) from reason

    def is_empty(self) -> bool:
        return not self.path.exists()

    def restore(self, source: Path) -> None:
        for stale in (f"{self.path}-wal", f"{self.path}-shm"):  # of another database of that name
            Path(stale).unlink(missing_ok=True)
        keep(source, self.path)

    def problems(self) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA quick_check")
            return [f"The database is damaged: {text}" for (text,) in cursor.fetchall() if text != "ok"]


class Postgres:
    engine, file_name = "postgresql", "database.dump"

    def copy(self, target: Path, *queries: str) -> list[Rows]:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT pg_export_snapshot()")
            snapshot = cursor.fetchone()[0]
            options = ("--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}")
            _run("pg_dump", *options, f"--file={target}", _where())
            return [_all(cursor, query) for query in queries]

    def is_empty(self) -> bool:
        return not connection.introspection.table_names()

    def restore(self, source: Path) -> None:
        connection.close()
        _run(
            *("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"),
            *(_where(), str(source)),
        )

    def problems(self) -> list[str]:
        return []  # whatever pg_restore did not like ended it


def _all(cursor: Any, query: str) -> Rows:
    cursor.execute(query)
    rows: Rows = cursor.fetchall()
    return rows


def _where() -> str:
    """The database as libpq names it; the password goes by the environment, where only its owner can look."""
    from psycopg.conninfo import make_conninfo  # only with PostgreSQL

    given = connection.settings_dict
    facts = {"host": given["HOST"], "port": given["PORT"], "user": given["USER"], "dbname": given["NAME"]}
    options = {name: value for name, value in given["OPTIONS"].items() if name not in NOT_OF_LIBPQ}
    return "--dbname=" + make_conninfo(**{name: value for name, value in (facts | options).items() if value})


def _run(*command: str) -> None:
    password = connection.settings_dict["PASSWORD"]
    environment = os.environ | ({"PGPASSWORD": password} if password else {})
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError as missing:
        raise DatabaseNotCopied(
            f"{command[0]} is not installed on this machine.",
            hint="Install PostgreSQL's client programs, of the server's version or later (Debian: postgresql-client).",
        ) from missing
    if done.returncode:
        raise DatabaseNotCopied(
            f"{command[0]} failed: {_last_line(done.stderr.splitlines())}",
            hint="Its version must be at least the server's.",
            evidence=done.stderr[-4000:],
        )


def _last_line(lines: Sequence[str]) -> str:
    return next((line for line in reversed(lines) if line.strip()), "it gave no reason")[:500]


def _flush(path: Path) -> None:
    with path.open("rb") as written:
        os.fsync(written.fileno())
