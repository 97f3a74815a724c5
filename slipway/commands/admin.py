"""`slipway admin`: what administrators of the studio do."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from slipway import output, wording
from slipway.columns import Column, time_column
from slipway.commands.nouns import Noun
from slipway.commands.options import Timeout, Yes, confirm, open_client
from slipway.errors import Misuse

app = Noun(help="For administrators of the studio.")
COLUMNS = (
    Column("kind", "kind"),
    Column("name", "name"),
    time_column("unused since", "unused_since"),
    Column("frees", "bytes", wording.size),
    Column("why", "why"),
)


@app.verb("slipway admin collect --dry-run", "slipway admin collect --yes")
def collect(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing; show what would be removed.")] = False,
    timeout: Timeout = 3600,
    yes: Yes = False,
) -> None:
    """Remove bundles, environments, uploads and files that nothing uses any more, as happens every day."""
    if not dry_run:
        confirm("Remove everything that nothing uses any more?", yes)
    with open_client() as client:
        found = client.collect(dry_run=dry_run, timeout=timeout)
    output.result(found, lambda: _show(found))


Place = Annotated[str, typer.Argument(metavar="PLACE", help="A folder, or s3://bucket/prefix.")]
Snapshot = Annotated[str, typer.Option("--snapshot", help="Which backup of the place; the newest by default.")]


@app.verb("slipway admin backup /mnt/backups/slipway", "slipway admin backup s3://bucket/slipway")
def backup(place: Place) -> None:
    """Save the database, the keys and the files of models, while the studio runs.

    Works on the machine of the studio, with its environment variables (SLIPWAY_DATA above all). A second backup to the
    same place sends only what is new, and an interrupted one goes on. Keep the place closed to others: it holds keys.
    """
    _manage("backup", place)


@app.verb("SLIPWAY_DATA=/srv/slipway slipway admin restore /mnt/backups/slipway")
def restore(place: Place, snapshot: Snapshot = "") -> None:
    """Restore a backup into an empty data folder (SLIPWAY_DATA), and verify it."""
    _manage("restore", place, *(["--snapshot", snapshot] if snapshot else []))


@app.verb("slipway admin verify")
def verify() -> None:
    """Check that the database, the stored files and the encryption key of this machine's studio fit together."""
    _manage("verify")


def _manage(*arguments: str) -> None:
    """Run one of the studio's own commands and print its result; a failure, which it has described, is ours too.

    This program knows nothing of the studio's tables.
    """
    program = Path(__file__).resolve().parents[2] / "manage.py"
    if not program.exists():
        raise Misuse(
            "This works only where the studio itself is installed.",
            hint="Sign in to the studio's machine, and run it there as the user of the studio.",
        )
    command = [sys.executable, str(program), *arguments, "--json"]
    environ = os.environ | {"SLIPWAY_PARENT": str(os.getpid())}  # it ends with this process, also when that is killed
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environ, check=False)
    if done.stdout.strip():
        facts = json.loads(done.stdout)
        output.done(facts, facts["summary"])
    if done.returncode:
        raise typer.Exit(1)


def _show(found: dict[str, Any]) -> None:
    items = found["items"]
    if items:
        output.rows(items, COLUMNS, cut=("why",))
    if found["count"] > len(items):
        print(f"... and {found['count'] - len(items)} more")
    count = "1 unused item" if found["count"] == 1 else f"{found['count']} unused items"
    verb, frees = ("would be removed", "would free") if found["dry_run"] else ("removed", "freed")
    print(f"{count} {verb}, which {frees} {wording.size(found['freed_bytes'])}.")
    for problem in found["problems"]:
        output.note(f"Not removed: {problem}")
