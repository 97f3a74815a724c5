"""`slipway admin`: what administrators of the studio do."""

from typing import Annotated, Any

import typer

from slipway import output, wording
from slipway.columns import Column, time_column
from slipway.commands.nouns import Noun
from slipway.commands.options import Timeout, Yes, confirm, open_client

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
