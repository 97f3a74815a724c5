"""`slipway workspace`: which ones there are, and which one is in use."""

from typing import Annotated, Any, cast

import typer

from slipway import output, profiles
from slipway.commands.options import Json
from slipway.errors import NotSignedIn, SlipwayApiError

app = typer.Typer(help="Workspaces: list them, choose one.", no_args_is_help=True)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the workspaces you are signed in to; the one in use is marked."""
    used = profiles.current().workspace
    found = {row["slug"]: row for login in profiles.logins() for row in _behind(login)}
    rows = [row | {"current": slug == used} for slug, row in sorted(found.items())]
    shown = [("*" if row["current"] else "", row["slug"], row.get("name", ""), row.get("role", "")) for row in rows]
    output.Output(as_json).result(rows, lambda: output.table(["", "workspace", "name", "role"], shown))


@app.command()
def use(
    name: Annotated[str, typer.Argument(metavar="WORKSPACE")],
    as_json: Json = False,
) -> None:
    """Use another workspace from now on."""
    if not profiles.use_workspace(name):
        raise NotSignedIn(
            f"A token is valid in one workspace, and you have none for {name}.",
            hint=f"Run 'slipway login {profiles.current().url} --workspace {name}'.",
        )
    output.Output(as_json).done(profiles.as_dict(profiles.current()), f"Using workspace {name}.")


def _behind(login: profiles.Login) -> list[dict[str, Any]]:
    """The workspace of a login; nothing when its token is valid no more."""
    from slipway.client import Client  # loads the HTTP library

    try:
        with Client(login.url, login.token) as client:
            return cast(list[dict[str, Any]], client.me()["workspaces"])
    except SlipwayApiError as error:
        if error.status != 401 or login == profiles.current():
            raise
        return []
