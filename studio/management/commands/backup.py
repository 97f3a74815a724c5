"""`manage.py backup PLACE`: save everything that cannot be made again, while the studio runs."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from studio.backup.backup import make_backup
from studio.backup.databases import database
from studio.backup.places import place_of
from studio.core.errors import SlipwayError
from studio.core.quantities import counted


class Command(BaseCommand):
    help = "Save the database, the keys and the files of models to a folder or to S3 (s3://bucket/prefix)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("place", help="A folder, which may hold earlier backups, or s3://bucket/prefix.")
        parser.add_argument("--json", action="store_true", dest="as_json", help="Print the result as JSON.")

    def handle(self, *args: Any, place: str, as_json: bool, **options: Any) -> None:
        if database().is_empty():
            raise CommandError("There is no studio to back up: its database is empty. Is SLIPWAY_DATA right?")
        try:
            made = make_backup(place_of(place), tell=self.stderr.write)
        except SlipwayError as error:
            raise CommandError(f"{error.message}\n{error.hint}") from error
        except (OSError, DatabaseError) as error:
            raise CommandError(f"The backup was not made: {error}\nRun the command again; it goes on.") from error
        facts = {
            "snapshot": made.snapshot,
            "place": place,
            "bytes": made.bytes,
            "artifacts": len(made.artifacts),
            "lost": made.lost,
            "summary": f"Backup {made.snapshot} is complete: {made.bytes:,} bytes in {place}.",
        }
        self.stdout.write(json.dumps(facts) if as_json else str(facts["summary"]))
        if made.lost:
            named = ", ".join(digest[:12] for digest in made.lost[:5])
            lost = counted(len(made.lost), "file")
            raise CommandError(
                f"Lost or damaged in the studio itself, and so in this backup: {lost}, {named}\n"
                "Register these versions again, or restore the files from an earlier backup."
            )
