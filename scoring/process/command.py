"""The command line of the scoring server."""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from scoring.core.errors import StartFailure
from scoring.core.log import log, set_style
from scoring.core.logfile import redirect
from scoring.core.settings import load_replica, read_run, work_folder
from scoring.process.image_run import write_run
from scoring.process.status import StatusFile
from scoring.process.supervisor import START_FAILED, Supervisor

READ_AT_START = ("PYTHON", "LD_", "GLIBC_", "MALLOC_", "LANG", "LC_")


def main() -> int:
    """Read the arguments and serve; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scoring", description="Serve the models of a bundle over HTTP.")
    parser.add_argument(
        "run",
        type=Path,
        nargs="?",
        help="path of run.json in the run folder; status.json and logs go beside it. Without it, the bundle of the "
        "image is served as environment variables say (scoring/process/image_run.py)",
    )
    parser.add_argument("--console", action="store_true", help="print to the console instead of server.log")
    arguments = parser.parse_args()
    if arguments.run is None:
        return serve_image()
    return serve(arguments.run.resolve(), console=arguments.console)


def serve_image() -> int:
    """Serve the bundle of the image that this process runs in."""
    try:
        path = write_run()
    except StartFailure as error:
        sys.stderr.write(f"{error.failure.message}\n")
        return START_FAILED
    return serve(path, console=True)


def serve(path: Path, *, console: bool) -> int:
    """Serve the replica of a run.json."""
    try:
        run = read_run(path)
    except StartFailure as error:
        sys.stderr.write(f"{error.failure.message}\n")
        return START_FAILED
    set_variables(run.environment)
    set_style(run.log_format)
    if not console:
        redirect(path.parent)
    status = StatusFile(work_folder(path, run), run)
    log(f"starting {run.workspace}/{run.service}, revision {run.revision}, pid {os.getpid()}")
    try:
        return Supervisor(load_replica(path), status).run()
    except StartFailure as error:
        log(error.failure.message, "E")
        status.set_state("failed", error.failure)
    except Exception as error:  # the status must say so, whatever it was
        failure = StartFailure("internal", f"The scoring server failed: {error!r}").failure
        log(failure.message, "E")
        status.set_state("failed", failure)
    return START_FAILED


def set_variables(wanted: Mapping[str, str]) -> None:
    """Set the variables that the settings name. Where one of them is read before a program begins, as those of the
    interpreter and of the dynamic linker, this one begins anew."""
    new = {name: value for name, value in wanted.items() if os.environ.get(name) != value}
    os.environ.update(new)
    if any(name.startswith(READ_AT_START) for name in new):
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - itself
