"""`manage.py up`: everything on one machine."""

import json
import os
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connections

from studio.assets.collect import collect_if_changed
from studio.core.errors import SlipwayError
from studio.core.statistics import keep_statistics
from studio.sandbox.current import current_walls, missing_walls, problems_of_readable_folders
from studio.stack import first_start, front, guards, worker
from studio.stack.console import echo
from studio.stack.greeting import Greeting
from studio.stack.programs import Plan, environment, programs
from studio.stack.supervisor import Supervisor


class Command(BaseCommand):
    help = "Start the studio: web, workers, clock and (without REDIS_URL) an embedded broker. Ctrl-C stops it."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        plan = Plan(settings.DATA_DIR, settings.HOST, settings.PORT, settings.EMBEDDED_BROKER)
        try:
            held = guards.lock(plan.data, f"process {os.getpid()}, {plan.url}")
            guards.check_private(plan.data)
            guards.check_restored(plan.data)
            guards.kill_leftovers(plan.data)
            guards.check_port(plan.host, plan.port)
        except SlipwayError as error:
            raise CommandError(f"{error.message}\n{error.hint}") from error
        with held:
            if not settings.WHITENOISE_USE_FINDERS and collect_if_changed():
                echo("the style sheets and scripts are up to date")
            try:
                plan = replace(plan, front_settings=front.write_settings(plan.url))
                supervise(plan)
            except SlipwayError as error:
                raise CommandError(f"{error.message}\n{error.hint}") from error
            except Error as error:
                raise CommandError(f"The database cannot be used: {error}\nIs DATABASE_URL right?") from error
        echo("stopped")


def supervise(plan: Plan) -> None:
    """Run until stopped. No program starts before the tables are those of this release."""
    greeting = Greeting(plan)
    greeting.password = prepare()
    Supervisor(
        programs(plan),
        environment(plan),
        before_fork=worker.preload,
        on_change=lambda pids: write_pids(plan, pids),
        on_tick=greeting,
    ).run()


def prepare() -> str | None:
    """Tables, first administrator, folders. Returns the password to show, at the first start only."""
    if first_start.migrate_if_needed():
        echo("the database is up to date")
    keep_statistics()
    tell_walls()
    password = first_start.first_administrator(os.environ.pop("SLIPWAY_ADMIN_PASSWORD", None))
    connections.close_all()  # a forked child must not inherit a connection
    return password


def tell_walls() -> None:
    """Which walls user code is started behind, and how to get better ones. CommandError where a setting names none."""
    try:
        walls, refusal = current_walls(), missing_walls()
    except ValueError as error:
        raise CommandError(str(error)) from error
    if problems := problems_of_readable_folders():
        raise CommandError(" ".join(problems))
    echo(
        f"walls around user code: {' '.join(filter(None, [f'{walls.sentence}.', refusal or walls.how_to_get_better]))}"
    )


def write_pids(plan: Plan, pids: dict[str, int]) -> None:
    """`run/pids.json`, for people who want to look and for the next start's `kill_leftovers`; replaced whole."""
    path = plan.data / "run" / "pids.json"
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(pids | {"up": os.getpid()}))
    draft.replace(path)
