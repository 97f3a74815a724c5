"""What a person reads once everything answers."""

import time

from studio.stack import probe
from studio.stack.console import echo
from studio.stack.programs import Plan

ASK_EVERY = 0.25  # seconds
SLOW = 30.0  # seconds after which a start that is not ready prints what it waits for


class Greeting:
    """Call it between other things: it asks for the studio's health, and prints once where the studio is.

    `password` is the first administrator's, at the first start; None later.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.password: str | None = None
        self.started = self.asked = self.reported = time.monotonic()
        self.done = False

    def __call__(self) -> None:
        if self.done or time.monotonic() - self.asked < ASK_EVERY:
            return
        health = probe.ask(self.plan.reachable_host, self.plan.port)
        self.asked = time.monotonic()
        if health.ok:
            self.done = True
            self._greet()
        elif self.asked - self.reported > SLOW:
            self.reported = self.asked
            echo(f"still waiting for: {', '.join(health.missing)}")

    def _greet(self) -> None:
        """The address and the password come last, where the eye is."""
        echo("Ctrl-C stops the studio; deployed services keep serving and are found again at the next start.")
        echo(f"ready after {time.monotonic() - self.started:.1f} s: {self.plan.page_url}")
        if self.password is None:
            echo("sign in as admin with the password shown at the first start (or SLIPWAY_ADMIN_PASSWORD of then)")
        else:
            echo(f"sign in as admin with the password {self.password}   (shown only now)")
