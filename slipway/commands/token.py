"""`slipway token`: API tokens for scripts and other machines."""

from typing import Annotated, Literal

import typer

from slipway import output, wording
from slipway.columns import Column, time_column
from slipway.commands.nouns import Noun
from slipway.commands.options import Yes, confirm, open_client

app = Noun(help="API tokens of the workspace, for scripts and other machines.")

COLUMNS = (
    Column("id", "id"),
    Column("name", "name"),
    Column("access", "access"),
    Column("of", "user"),
    Column("begins with", "hint"),
    time_column("expires", "expires_at"),
    time_column("last used", "last_used_at"),
)


@app.verb("slipway token list", name="list")
def list_() -> None:
    """List your valid tokens of the workspace; admins see everybody's."""
    with open_client() as client:
        rows = list(client.tokens.all())
    output.rows(rows, COLUMNS, cut=("last used", "expires"), empty="There are no tokens.")


@app.verb(
    "slipway token create ci --access write --days 30",
    "export SLIPWAY_TOKEN=$(slipway token create ci)",
)
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    access: Annotated[Literal["read", "write"], typer.Option(help="What may be done with it.")] = "read",
    days: Annotated[int, typer.Option(min=1, max=365, help="How long it is valid at most.")] = 90,
) -> None:
    """Create a token and print it. Nothing shows it again.

    It ends with the token that you are signed in with: it expires no later, and `slipway logout` revokes both. Tokens
    that stand alone are made on the page Settings → Tokens.
    """
    with open_client() as client:
        found = client.tokens.create(name, access, days)
    # The token alone on standard output: TOKEN=$(slipway token create NAME)
    output.done(found, found["token"])
    output.note(f"Keep it now: it is not shown again. It expires at {wording.when(found['expires_at'])}.")


@app.verb("slipway token revoke 7", "slipway token revoke 7 --yes")
def revoke(
    id: Annotated[int, typer.Argument(metavar="ID", help="Its number in 'slipway token list'.")],
    yes: Yes = False,
) -> None:
    """Revoke a token; it stops working at once."""
    confirm(f"Revoke token {id}? What uses it is refused from now on.", yes)
    with open_client() as client:
        client.tokens.revoke(id)
    output.done({"revoked": id}, f"Revoked token {id}.")
