"""`python -m scoring.process.dry_run FOLDER`: load the entry script of the bundle in FOLDER/bundle, let it answer the
body in FOLDER/request once, and print what came of it as JSON.

What the script prints goes to standard error; the exit status is 0 whenever there is a report, good or bad. Whoever
starts it sets the limits.
"""

import os
import sys
from itertools import islice
from pathlib import Path
from time import perf_counter

import msgspec

from scoring.contract import DryRun, RunSettings
from scoring.core.answer import Answer, Result
from scoring.core.bundle import load_bundle
from scoring.core.errors import ScoringError, StartFailure
from scoring.core.request import Request
from scoring.core.settings import Replica
from scoring.core.timings import Timings
from scoring.script.entry_script import EntryScript

MOST_PARTS = 100  # of a stream
MOST_BYTES = 100_000  # of the answer


class _Nobody:
    """A client that waits for as long as it takes."""

    disconnected = half_closed = False


def main(folder: str) -> int:
    """Print the report; gives the exit status."""
    report_to = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the script prints must not print into the report
    report = try_out(Path(folder))
    with report_to:
        report_to.write(msgspec.json.encode(report))
    sys.stdout.flush()
    os._exit(0)  # threads of the script keep nobody waiting


def try_out(folder: Path) -> DryRun:
    """Load the script and let it answer the request."""
    bundle = load_bundle(folder / "bundle")
    run = RunSettings(service="dry-run", workspace="dry-run", revision=0, recipe="", bundle=str(folder / "bundle"))
    began = perf_counter()
    try:
        script = EntryScript(Replica(run=run, bundle=bundle, folder=folder, control=folder))
    except StartFailure as error:
        return DryRun(start_seconds=perf_counter() - began, failure=error.failure)
    started = perf_counter()
    request = Request(_Nobody(), b"POST", b"/score", {b"content-type": b"application/json"})
    request.body = (folder / "request").read_bytes()
    try:
        status, kind, body = _parts_of(script.answer(request, Timings()))
    except ScoringError as error:
        status, kind, body = error.status, "text/plain; charset=utf-8", error.message.encode()
    return DryRun(
        start_seconds=started - began,
        run_seconds=perf_counter() - started,
        status=status,
        content_type=kind,
        body=body[:MOST_BYTES].decode(errors="replace"),
        cut=len(body) > MOST_BYTES,
    )


def _parts_of(result: Result) -> tuple[int, str, bytes]:
    """Status, content type and body of what run() returned."""
    if not isinstance(result, Answer):
        return 200, "application/json", result
    body = result.body if result.stream is None else b"".join(islice(result.stream, MOST_PARTS))
    return result.status, result.content_type.decode("latin-1"), body


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
