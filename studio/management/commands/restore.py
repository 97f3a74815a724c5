"""`manage.py restore PLACE`: put a backup into an empty data folder, and verify it."""

import json
import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from studio.backup.places import place_of
from studio.backup.restore import read_manifest, restore
from studio.core.errors import SlipwayError
from studio.stack import guards


class Command(BaseCommand):
    help = "Restore a backup into the empty data folder SLIPWAY_DATA, and verify it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("place", help="The folder or s3://bucket/prefix that the backup was made to.")
        parser.add_argument("--snapshot", default="", help="Which one; the newest by default.")
        parser.add_argument("--json", action="store_true", dest="as_json", help="Print the result as JSON.")

    def handle(self, *args: Any, place: str, snapshot: str, as_json: bool, **options: Any) -> None:
        try:
            with guards.lock(settings.DATA_DIR, f"process {os.getpid()}, which restores a backup"):
                source = place_of(place)
                found = read_manifest(source, snapshot)
                problems = restore(source, found, tell=self.stderr.write)
        except SlipwayError as error:
            raise CommandError(f"{error.message}\n{error.hint}") from error
        except (OSError, DatabaseError) as error:
            raise CommandError(f"The backup was not restored: {error}\nRun the command again; it goes on.") from error
        facts = {
            "snapshot": found.snapshot,
            "data": str(settings.DATA_DIR),
            "problems": problems,
            "summary": f"Backup {found.snapshot} is restored in {settings.DATA_DIR}.",
        }
        self.stdout.write(json.dumps(facts) if as_json else str(facts["summary"]))
        if problems:
            raise CommandError("\n".join(["Verified, with problems:", *problems]))
        self.stderr.write("verified: database, files and encryption key fit together")
