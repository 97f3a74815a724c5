"""`slipway upload`: uploads that are part of no version yet."""

from typing import Annotated

import typer

from slipway import output, wording
from slipway.columns import Column, time_column
from slipway.commands.nouns import Noun
from slipway.commands.options import Limit, Yes, confirm, first, open_client

app = Noun(help="Uploads that are part of no version yet.")


def _arrived(text: str) -> str:
    received, _, size = text.partition("/")
    return wording.part_of(int(received), int(size))


COLUMNS = (
    Column("id", "id"),
    Column("path", "path"),
    Column("arrived", lambda row: f"{row['received']}/{row['size']}", _arrived),
    time_column("changed", "touched_at"),
)


@app.verb("slipway upload list", name="list")
def list_(limit: Limit = 100) -> None:
    """List your uploads that are part of no version yet. 'slipway model register' goes on with its own."""
    with open_client() as client:
        rows = first(client.uploads(), limit)
    output.rows(rows, COLUMNS, cut=("changed",), empty="There are no unfinished uploads.")


@app.verb("slipway upload abandon 0b9e5c1e-6f0b-4e0f-9d2a-1f6f6f0c9a11 --yes")
def abandon(
    id: Annotated[str, typer.Argument(metavar="ID", help="Its id in 'slipway upload list'.")],
    yes: Yes = False,
) -> None:
    """Give an upload up; what arrived of it is forgotten."""
    confirm(f"Give up the upload {id}?", yes)
    with open_client() as client:
        client.abandon_upload(id)
    output.done({"abandoned": id}, f"Gave up {id}.")
