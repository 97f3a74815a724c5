"""Programs that a build runs on this machine, their output passed on line by line, ended when the build is."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from registry.environments.uv import Limits, Outcome
from studio.core.parent_death import die_with_parent_prefix
from studio.core.tee import Log

CHECK_SECONDS = 0.2
MAX_OUTPUT = 200_000  # characters kept for the error; the log gets everything


class Watch:
    """`ended` says why the work was stopped: "timeout" or "cancelled"; empty when it was not."""

    ended = ""


@contextmanager
def watched(limits: Limits, stop: Callable[[], None]) -> Iterator[Watch]:
    """While the block runs, `stop` is called once it is cancelled or overdue, from a thread of its own."""
    watch, closed = Watch(), threading.Event()

    def look() -> None:
        while not watch.ended and not closed.wait(CHECK_SECONDS):
            if time.monotonic() > limits.deadline:
                watch.ended = "timeout"
            elif limits.cancelled():
                watch.ended = "cancelled"
        if watch.ended:
            stop()

    thread = threading.Thread(target=look, name="build-watch", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        closed.set()
        thread.join()


def run_program(
    arguments: Sequence[str],
    *,
    folder: Path,
    variables: Mapping[str, str],
    log: Log,
    limits: Limits,
    clean: Callable[[str], str] = str,
) -> Outcome:
    """Run in `folder` and wait for the end. Each line goes through `clean` first; empty ones are left out. The process
    group ends with us, when cancelled, and at the deadline."""
    with subprocess.Popen(
        [*die_with_parent_prefix(), *arguments],
        cwd=folder,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            with watched(limits, lambda: _kill(process)) as watch:
                output = pass_on(process.stdout or (), log, clean)
                returncode = process.wait()
        except BaseException:  # the log cannot be written, say: nothing may go on without us
            _kill(process)
            raise
    return Outcome(returncode, output, watch.ended)


def pass_on(lines: Iterable[str], log: Log, clean: Callable[[str], str] = str) -> str:
    """Write lines to the log as they come; gives as much of them as an error needs."""
    kept, length = [], 0
    for raw in lines:
        line = clean(raw).rstrip()
        if not line:
            continue
        log.write(f"{line}\n")
        log.flush()
        if length < MAX_OUTPUT:
            kept.append(line)
            length += len(line)
    return "\n".join(kept)


def _kill(process: "subprocess.Popen[str]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
