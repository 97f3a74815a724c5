"""`slipway workspace`: which ones there are, which one is in use, and what it is called."""

from typing import Annotated, Any, cast

import typer

from slipway import output, profiles
from slipway.columns import Column
from slipway.commands import completion
from slipway.commands.nouns import Noun
from slipway.commands.options import open_client
from slipway.errors import NotSignedIn, SlipwayApiError

app = Noun(help="Workspaces: list them, choose one, rename it.")
COLUMNS = (
    Column("", lambda row: "*" if row["current"] else ""),
    Column("workspace", "slug"),
    Column("name", "name"),
    Column("role", "role"),
)


@app.verb("slipway workspace list", name="list")
def list_() -> None:
    """List the workspaces you are signed in to; the one in use is marked."""
    used = profiles.current().workspace
    found = {row["slug"]: row for login in profiles.logins() for row in _behind(login)}
    rows = [row | {"current": slug == used} for slug, row in sorted(found.items())]
    output.rows(rows, COLUMNS, cut=("name",))


@app.verb("slipway workspace use vision")
def use(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A workspace.", autocompletion=completion.workspaces)],
) -> None:
    """Use another workspace from now on."""
    if not profiles.use_workspace(name):
        raise NotSignedIn(
            f"A token is valid in one workspace, and you have none for {name}.",
            hint=f"Run 'slipway login {profiles.current().url} --workspace {name}'.",
        )
    output.done(profiles.as_dict(profiles.current()), f"Using workspace {name}.")


@app.verb("slipway workspace rename 'Vision team'")
def rename(name: Annotated[str, typer.Argument(metavar="NAME", help="What people read.")]) -> None:
    """Give the workspace in use another name; its address stays. For admins."""
    with open_client() as client:
        found = client.rename_workspace(name)
    output.done(found, f"The workspace {found['slug']} is called {found['name']} now.")


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
