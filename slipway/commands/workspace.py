"""`slipway workspace`: which ones there are, and which one is in use."""

from typing import Annotated

import typer

from slipway import output, profiles
from slipway.commands.options import Json, open_client
from slipway.errors import NotSignedIn, SlipwayApiError

app = typer.Typer(help="Workspaces: list them, choose one.", no_args_is_help=True)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the workspaces you belong to; the one in use is marked."""
    used = profiles.current().workspace
    with open_client() as client:
        rows = [row | {"current": row["slug"] == used} for row in client.workspaces()]
    shown = [("*" if row["current"] else "", row["slug"], row.get("name", ""), row.get("role", "")) for row in rows]
    output.Output(as_json).result(rows, lambda: output.table(["", "workspace", "name", "role"], shown))


@app.command()
def use(
    name: Annotated[str, typer.Argument(metavar="WORKSPACE")],
    as_json: Json = False,
) -> None:
    """Use another workspace from now on."""
    with open_client() as client:
        known = {row["slug"] for row in client.workspaces()}
    if name not in known:
        raise SlipwayApiError(404, "not_found", f"There is no workspace '{name}' that you can see.")
    if not profiles.use_workspace(name):
        raise NotSignedIn(
            f"A token is valid in one workspace, and you have none for {name}.",
            hint=f"Run 'slipway login {profiles.current().url} --workspace {name}'.",
        )
    output.Output(as_json).done(profiles.as_dict(profiles.current()), f"Using workspace {name}.")
