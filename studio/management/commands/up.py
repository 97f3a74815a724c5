"""`manage.py up`: everything on one machine."""

import json
import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from studio.core.errors import SlipwayError
from studio.stack import first_start, guards


class Command(BaseCommand):
    help = "Start the studio: web, workers, clock and (without REDIS_URL) an embedded broker. Ctrl-C stops it."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare, then become the supervisor: it needs none of what is loaded here."""
        try:
            held = guards.lock(settings.DATA_DIR)
            guards.sweep(settings.DATA_DIR)
            guards.check_port(settings.HOST, settings.PORT)
        except SlipwayError as error:
            raise CommandError(f"{error.message}\n{error.hint}") from error
        held.write(f"process {os.getpid()}, port {settings.PORT}")
        held.flush()
        become_supervisor(self.prepare())

    def prepare(self) -> str | None:
        """Tables, first administrator, folders. Returns the password to show, at the first start only."""
        settings.STATIC_ROOT.mkdir(exist_ok=True)
        if first_start.migrate_if_needed():
            self.stdout.write("The database is up to date.")
        password = first_start.first_administrator(os.environ.get("SLIPWAY_ADMIN_PASSWORD"))
        connections.close_all()
        return password


def become_supervisor(password: str | None) -> None:
    """Replace this process, keeping its id and its lock. The password travels through a pipe, unseen by `ps`."""
    descriptor = None
    if password is not None:
        descriptor, write_end = os.pipe()
        os.set_inheritable(descriptor, True)
        os.write(write_end, password.encode())
        os.close(write_end)
    facts = {
        "data": str(settings.DATA_DIR),
        "host": settings.HOST,
        "port": settings.PORT,
        "embedded_broker": settings.EMBEDDED_BROKER,
        "password_fd": descriptor,
    }
    sys.stdout.flush()
    os.chdir(settings.BASE_DIR)
    os.execv(sys.executable, [sys.executable, "-m", "studio.stack", json.dumps(facts)])  # noqa: S606 - no shell is meant
