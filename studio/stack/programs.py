"""The programs that make up the studio on one machine, as values."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from studio.core.queues import QUEUES
from studio.stack import addresses, broker, clock, worker


@dataclass(frozen=True)
class Program:
    """What to run under which name: a command line, or a function that a forked child runs.

    Programs are stopped in the order of `stop_order`. `knows_secrets`: those of the studio's environment. What one
    prints is shown, but for lines in which the regular expression `unprinted` is found.
    """

    name: str
    command: list[str] | None = None
    function: Callable[[], Any] | None = None
    stop_order: int = 0
    knows_secrets: bool = True
    outlives: bool = False  # it goes on when the studio ends, and the next start replaces it
    unprinted: str | None = None


@dataclass(frozen=True)
class Plan:
    """Where the studio listens, where its data lies, and whether it brings its own broker."""

    data: Path
    host: str
    port: int
    embedded_broker: bool = True
    front_settings: Path | None = None  # of the front; None: there is none

    @property
    def reachable_host(self) -> str:
        """The address under which this machine reaches the web server."""
        return addresses.reachable(self.host)

    @property
    def page_url(self) -> str:
        """Where people open it: not under the host of the services, which would get their session's cookie."""
        return addresses.url_of("localhost" if self.host == "127.0.0.1" else self.host, self.port)

    @property
    def url(self) -> str:
        return addresses.url_of(self.host, self.port)


def programs(plan: Plan) -> list[Program]:
    """The broker is the first to start and the last to stop: workers hand unfinished messages back to it."""
    return [
        *([_broker(plan)] if plan.embedded_broker else []),
        Program("web", command=_web(plan), stop_order=1),
        *(Program(queue, function=partial(worker.run, queue), stop_order=1) for queue in QUEUES),
        Program("clock", function=clock.run),
        *([_front(plan.front_settings)] if plan.front_settings else []),
    ]


def _broker(plan: Plan) -> Program:
    return Program(
        "broker",
        command=broker.command(plan.data),
        stop_order=2,
        knows_secrets=False,
        unprinted=broker.NEEDLESS_WARNING,
    )


def _front(settings_file: Path) -> Program:
    command = [sys.executable, "-m", "scoring.front", str(settings_file)]
    return Program("front", command=command, knows_secrets=False, outlives=True)


def _web(plan: Plan) -> list[str]:
    return [
        *(sys.executable, "-m", "studio.stack.web", "--interface", "asginl", "--http", "1", "--no-ws"),
        *("--host", plan.host, "--port", str(plan.port), "--workers", "1", "--backpressure", "4096"),
        *("--workers-kill-timeout", "5", "--log-level", "error", "studio.asgi:application"),
    ]


def environment(plan: Plan, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What every program inherits. The first administrator's password is left out."""
    kept = {name: value for name, value in base.items() if name != "SLIPWAY_ADMIN_PASSWORD"}
    return kept | {
        "DJANGO_SETTINGS_MODULE": base.get("DJANGO_SETTINGS_MODULE", "studio.settings"),
        "SLIPWAY_DATA": str(plan.data),
        "SLIPWAY_HOST": plan.host,
        "SLIPWAY_PORT": str(plan.port),
        "SLIPWAY_SUPERVISED": "1",
        "SLIPWAY_RUN": f"{os.getpid()}-{time.time():.0f}",
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": base.get("MALLOC_ARENA_MAX", "2"),  # glibc: threads share heaps
    }
