"""The programs that make up the studio on one machine, as values."""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from studio.stack import broker


@dataclass(frozen=True)
class Program:
    """What to run under which name. Programs are stopped in the order of `stop_order`."""

    name: str
    command: list[str]
    stop_order: int = 0


@dataclass(frozen=True)
class Plan:
    """Where the studio listens, where its data lies, and whether it brings its own broker."""

    data: Path
    host: str
    port: int
    embedded_broker: bool = True

    @property
    def reachable_host(self) -> str:
        """The address under which this machine reaches the web server."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound

    @property
    def url(self) -> str:
        host = f"[{self.reachable_host}]" if ":" in self.reachable_host else self.reachable_host
        return f"http://{host}:{self.port}/"


def programs(plan: Plan) -> list[Program]:
    """Broker first to start and last to stop: workers hand unfinished messages back to it."""
    python = [sys.executable, "-m"]
    own = [Program("broker", broker.command(plan.data), stop_order=2)] if plan.embedded_broker else []
    return [
        *own,
        Program("web", [*python, "granian", *_web_arguments(plan)], stop_order=1),
        Program("quick", [*python, "studio.stack.worker", "quick"], stop_order=1),
        Program("heavy", [*python, "studio.stack.worker", "heavy"], stop_order=1),
        Program("clock", [*python, "studio.stack.clock"]),
    ]


def _web_arguments(plan: Plan) -> list[str]:
    return [
        *("--interface", "wsgi", "--http", "1", "--no-ws", "--workers", "1", "--blocking-threads", "8"),
        *("--host", plan.host, "--port", str(plan.port), "--log-level", "error"),
        *("--workers-kill-timeout", "5", "studio.wsgi:application"),
    ]


def environment(plan: Plan, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What every program inherits. The first administrator's password is nobody else's business."""
    kept = {name: value for name, value in base.items() if name != "SLIPWAY_ADMIN_PASSWORD"}
    return kept | {
        "DJANGO_SETTINGS_MODULE": base.get("DJANGO_SETTINGS_MODULE", "studio.settings"),
        "SLIPWAY_DATA": str(plan.data),
        "SLIPWAY_HOST": plan.host,
        "SLIPWAY_PORT": str(plan.port),
        "SLIPWAY_SUPERVISED": "1",
        "SLIPWAY_RUN": f"{os.getpid()}-{time.time():.0f}",
        "PYTHONUNBUFFERED": "1",
    }
