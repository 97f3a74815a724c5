"""`manage.py verify`: does the studio have everything that its database speaks of?"""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from studio.backup.verify import verify


class Command(BaseCommand):
    help = "Check the database, read every stored file and compare its digest, and try the encryption key."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help="Print the result as JSON.")

    def handle(self, *args: Any, as_json: bool, **options: Any) -> None:
        if problems := verify(read_files=True):
            raise CommandError("\n".join(problems))
        facts = {"problems": [], "summary": "Everything is there: database, files and encryption key fit together."}
        self.stdout.write(json.dumps(facts) if as_json else str(facts["summary"]))
