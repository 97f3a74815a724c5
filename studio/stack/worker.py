"""`python -m studio.stack.worker quick|heavy`: a Celery worker without the command line's weight."""

import gc
import os
import sys
import warnings
from typing import Any

from celery.platforms import SecurityWarning
from celery.signals import worker_before_create_process, worker_process_init

from studio.celery import app
from studio.stack.lifeline import die_with_supervisor

# Enough for one machine: steps of `quick` take milliseconds, those of `heavy` are one subprocess at a time.
PROCESSES = {"quick": 1, "heavy": 1}


@worker_before_create_process.connect  # type: ignore[untyped-decorator]  # Celery has no types
def _share_memory(**_: Any) -> None:
    """What is loaded by now stays shared between parent and child."""
    gc.collect()
    gc.freeze()


@worker_process_init.connect  # type: ignore[untyped-decorator]  # Celery has no types
def _end_with_parent(**_: Any) -> None:
    die_with_supervisor()


def main(queue: str) -> int:
    # Celery warns root because of pickled messages; only JSON is accepted here.
    warnings.simplefilter("ignore", SecurityWarning)
    processes = int(os.environ.get(f"SLIPWAY_{queue.upper()}_PROCESSES", PROCESSES.get(queue, 1)))
    worker = app.Worker(
        hostname=f"{queue}@slipway",
        queues=[queue],
        concurrency=processes,
        pool_cls="prefork",
        loglevel=os.environ.get("SLIPWAY_LOG_LEVEL", "INFO"),
        without_gossip=True,
        without_mingle=True,
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
