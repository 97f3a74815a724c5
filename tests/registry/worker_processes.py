"""Workers as processes of their own, over a data folder and a database that the test's process does not share."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from django.conf import settings

SECONDS = 180  # a busy machine starts a process slowly
HALFWAY = "half installed"
Worker = subprocess.Popen[str]


@contextlib.contextmanager
def workers(module: str, data: Path, wheels: Path) -> Iterator[Callable[[str], Worker]]:
    """Gives `start(verb)`, which runs `python -m module verb`; those that still run at the end are killed."""
    variables = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "SLIPWAY_DATA": str(data),
        "SLIPWAY_WHEELS": str(wheels),
        "SLIPWAY_OFFLINE": "true",
        "DATABASE_URL": f"sqlite:///{data / 'db.sqlite3'}",
    }
    started: list[Worker] = []

    def start(verb: str) -> Worker:
        command = [sys.executable, "-u", "-m", module, verb]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        started.append(subprocess.Popen(command, env=variables, cwd=settings.BASE_DIR, **pipes))
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.communicate()


def ended(worker: Worker) -> str:
    """The output of the worker, which must have exited with 0."""
    output, _ = worker.communicate(timeout=SECONDS)
    assert worker.returncode == 0, output
    return output


def hang_halfway() -> None:
    """In the worker's own process: its installer reports that it is half done, and hangs."""
    from registry.environments import uv  # late: only where Django is set up

    program = f"import time; print({HALFWAY!r}, flush=True); time.sleep(60)"
    uv.sync_arguments = lambda *_, **__: [sys.executable, "-c", program]


@contextlib.contextmanager
def killed_halfway(worker: Worker) -> Iterator[None]:
    """Kill a worker that hangs halfway; its child processes run on until the block ends."""
    assert any(HALFWAY in line for line in worker.stdout), "it ended before it was half done"
    orphans = psutil.Process(worker.pid).children(recursive=True)
    worker.kill()
    worker.wait()
    try:
        yield
    finally:
        for orphan in orphans:
            with contextlib.suppress(psutil.NoSuchProcess):  # on a busy machine it may have ended
                orphan.kill()
