"""`manage.py collect`: remove what nothing uses any more, or show what that would be."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from deployments.collection import collect
from deployments.collection.report import lines
from studio.core.jobs import JobState


class Command(BaseCommand):
    help = "Remove bundles, environments, uploads and other files that nothing uses any more, as happens every day."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Remove nothing; show what would be removed.")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        collection = collect.collect_now(dry_run=dry_run)
        if collection.state != JobState.SUCCEEDED:
            raise CommandError((collection.error or {}).get("message") or "Another process does this collection.")
        for line in lines(collection):
            self.stdout.write(line)
