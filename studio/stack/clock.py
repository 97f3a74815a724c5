"""Celery's beat with the schedule of studio/celery.py, and nothing on disk.

`manage.py up` forks it; on a machine of its own it is `python -m studio.stack.clock`, once. All periods are
short, so nothing is worth remembering between starts, and there is no file to break.
"""

import logging
import os
import signal
import sys
import time
from typing import Any

from studio.core.secret_environment import start_without_secrets


def run() -> int:
    """Send what is due until stopped."""
    from celery.beat import Scheduler, Service  # late: the supervisor loads Celery after it started the web server

    from studio.celery import app
    from studio.workers.heartbeat import CLOCK, EVERY, beat

    class BeatingScheduler(Scheduler):  # type: ignore[misc]  # Celery has no types
        """Leaves a heartbeat every `EVERY` seconds; it ticks several times a second."""

        next_beat = 0.0

        def tick(self, *args: Any, **kwargs: Any) -> float:
            if time.monotonic() >= self.next_beat:
                beat([CLOCK])
                self.next_beat = time.monotonic() + EVERY
            return float(min(super().tick(*args, **kwargs), 2.0))

    level = os.environ.get("SLIPWAY_LOG_LEVEL", "INFO")
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("celery.beat").setLevel(logging.WARNING)  # a line for every tick is noise
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Service(app, scheduler_cls=BeatingScheduler).start()
    return 0


if __name__ == "__main__":
    start_without_secrets()
    sys.exit(run())
