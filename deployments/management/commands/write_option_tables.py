"""`manage.py write_option_tables`: after a change of deployments/config/options.py."""

from typing import Any

from django.core.management.base import BaseCommand

from deployments.config import option_tables


class Command(BaseCommand):
    help = "Write the command line's flags and the docs page of deployment options from the table of options."

    def handle(self, *_: Any, **__: Any) -> None:
        for path, text in option_tables.files().items():
            path.write_text(text)
            self.stdout.write(f"wrote {path}")
