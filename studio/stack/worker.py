"""A Celery worker for one queue, without the command line's weight.

`manage.py up` forks it; on a machine of its own it is `python -m studio.stack.worker quick|heavy|builds`.
"""

import gc
import logging
import os
import sys
import warnings
from typing import Any

from studio.core.queues import processes
from studio.core.secret_environment import start_without_secrets
from studio.stack.lifeline import die_with_supervisor


def preload() -> None:
    """Load all that workers and clock need, before they are forked; open no connection."""
    from studio.celery import app  # late, with the rest: nothing of this is needed to read the module
    from studio.workers import messages  # noqa: F401 - loads Kombu's transport

    _skip_checks()
    app.loader.import_default_modules()
    app.finalize()
    share_memory()


def _skip_checks() -> None:
    """Celery would run Django's checks at each start, and load every page for it: a second, and 20 MB."""
    os.environ["CELERY_SKIP_CHECKS"] = "1"


def share_memory(**_: Any) -> None:
    """Keep the collector from writing to what is loaded by now, so that forked children share it."""
    gc.collect()
    gc.freeze()


def run(queue: str) -> int:
    """Consume `queue` until stopped; the exit code."""
    from celery.platforms import SecurityWarning  # late: see preload
    from celery.signals import worker_before_create_process, worker_process_init

    from studio.celery import app
    from studio.workers.messages import drop_unreadable_messages

    drop_unreadable_messages()
    _skip_checks()
    # Celery warns root because of pickled messages; only JSON is accepted here.
    warnings.simplefilter("ignore", SecurityWarning)
    for talkative in ("celery.redirected", "celery.worker.consumer.connection"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    worker_before_create_process.connect(share_memory)
    own = os.getpid()
    worker_process_init.connect(lambda **_: die_with_supervisor(own), weak=False)  # in each process that it forks
    worker = app.Worker(
        hostname=f"{queue}@slipway",
        queues=[queue],
        concurrency=processes(queue),
        pool_cls="prefork",
        loglevel=os.environ.get("SLIPWAY_LOG_LEVEL", "INFO"),
        without_gossip=True,
        without_mingle=True,
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    start_without_secrets()
    sys.exit(run(sys.argv[1]))
