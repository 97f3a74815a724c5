"""`slipway admin`: what administrators of the studio do."""

from typing import Annotated, Any

import typer

from slipway import output, wording
from slipway.commands.options import Json, Timeout, Yes, confirm, open_client

app = typer.Typer(help="For administrators of the studio.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """For administrators of the studio."""


@app.command()
def collect(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing; show what would be removed.")] = False,
    timeout: Timeout = 3600,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Remove bundles, environments, uploads and files that nothing uses any more, as happens every day."""
    if not dry_run:
        confirm("Remove everything that nothing uses any more?", yes)
    with open_client() as client:
        found = client.collect(dry_run=dry_run, timeout=timeout)
    output.Output(as_json).result(found, lambda: _show(found))


def _show(found: dict[str, Any]) -> None:
    rows = [
        (item["kind"], item["name"], item["unused_since"][:10], wording.size(item["bytes"]), item["why"])
        for item in found["items"]
    ]
    if rows:
        output.table(["kind", "name", "unused since", "frees", "why"], rows, may_be_cut={"why"})
    if found["count"] > len(rows):
        print(f"... and {found['count'] - len(rows)} more")
    items = "1 unused item" if found["count"] == 1 else f"{found['count']} unused items"
    verb, frees = ("would be removed", "would free") if found["dry_run"] else ("removed", "freed")
    print(f"{items} {verb}, which {frees} {wording.size(found['freed_bytes'])}.")
    for problem in found["problems"]:
        output.note(f"Not removed: {problem}")
