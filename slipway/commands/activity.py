"""`slipway activity`: who did what to what, why and when."""

from typing import Annotated

import typer

from slipway import output
from slipway.columns import Column, time_column
from slipway.commands.options import Limit, first, open_client

COLUMNS = (time_column("when", "at"), Column("what", "sentence"), Column("why", "reason"))


def activity(
    subject: Annotated[str, typer.Option("--object", help="Of things whose name has this in it.")] = "",
    person: Annotated[str, typer.Option("--person", help="Of this person.")] = "",
    action: Annotated[str, typer.Option("--action", help="Actions that begin so, such as service.")] = "",
    limit: Limit = 50,
) -> None:
    """List the activity of the workspace, the newest first."""
    with open_client() as client:
        rows = first(client.activity(subject=subject, person=person, action=action), limit)
    output.rows(rows, COLUMNS, cut=("why", "what"), empty="There is no such activity.")
