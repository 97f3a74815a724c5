"""The supervisor's own process. `manage.py up` prepares everything and then becomes this.

Arguments: a JSON object {"data", "host", "port", "embedded_broker", "password_fd"}; the descriptor, if any,
is a pipe that holds the first administrator's password, to be shown once.
"""

import json
import os
import sys
import time
from pathlib import Path

from studio.stack import probe
from studio.stack.console import say
from studio.stack.programs import Plan, environment, programs
from studio.stack.supervisor import Supervisor

ASK_EVERY = 0.25  # seconds
SLOW = 30.0  # seconds after which a start that is not ready says what it waits for


class Greeting:
    """Says where the studio is, once everything answers."""

    def __init__(self, plan: Plan, password: str | None) -> None:
        self.plan = plan
        self.password = password
        self.started = self.asked = self.told = time.monotonic()
        self.done = False

    def __call__(self) -> None:
        if self.done or time.monotonic() - self.asked < ASK_EVERY:
            return
        self.asked = time.monotonic()
        health = probe.ask(self.plan.reachable_host, self.plan.port)
        if health.ok:
            self.done = True
            say(f"ready after {time.monotonic() - self.started:.1f} s: {self.plan.url}")
            say(self._sign_in())
            say("Ctrl-C stops the studio; deployed services keep serving and are found again at the next start.")
        elif time.monotonic() - self.told > SLOW:
            self.told = time.monotonic()
            say(f"still waiting for: {', '.join(health.missing)}")

    def _sign_in(self) -> str:
        if self.password is None:
            return "sign in as admin with the password shown at the first start (or SLIPWAY_ADMIN_PASSWORD of then)"
        return f"sign in as admin with the password {self.password}   (shown only now)"


def write_pids(plan: Plan, pids: dict[str, int]) -> None:
    """`run/pids.json`, for people who want to look; replaced whole."""
    path = plan.data / "run" / "pids.json"
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(pids | {"up": os.getpid()}))
    draft.replace(path)


def main() -> None:
    facts = json.loads(sys.argv[1])
    descriptor = facts.pop("password_fd")
    password = None
    if descriptor is not None:
        with os.fdopen(descriptor) as pipe:
            password = pipe.read()
    plan = Plan(**facts | {"data": Path(facts["data"])})
    Supervisor(
        programs(plan),
        environment(plan),
        on_change=lambda pids: write_pids(plan, pids),
        on_tick=Greeting(plan, password),
    ).run()
    say("stopped")


main()
