"""`slipway member`: who belongs to the workspace, and as what."""

from typing import Annotated, Literal

import typer

from slipway import output, wording
from slipway.columns import Column, time_column
from slipway.commands import completion
from slipway.commands.nouns import Noun
from slipway.commands.options import Yes, confirm, open_client

app = Noun(help="Members of the workspace. Admins change them.")

Role = Literal["viewer", "contributor", "admin"]
Username = Annotated[str, typer.Argument(metavar="NAME", help="A person.", autocompletion=completion.members)]
RoleOption = Annotated[Role, typer.Option("--role", help="What they may do.")]
COLUMNS = (Column("name", "username"), Column("role", "role"))
INVITATION_COLUMNS = (
    Column("id", "id"),
    Column("role", "role"),
    Column("for", "note"),
    Column("invited by", "invited_by"),
    time_column("expires", "expires_at"),
)


@app.verb("slipway member list", name="list")
def list_() -> None:
    """List the members of the workspace."""
    with open_client() as client:
        rows = list(client.members.all())
    output.rows(rows, COLUMNS, empty="The workspace has no members; administrators of the studio see it all the same.")


@app.verb("slipway member add bob --role contributor")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A person who has an account.")],
    role: RoleOption = "viewer",
) -> None:
    """Let a person who has an account into the workspace."""
    with open_client() as client:
        found = client.members.add(name, role)
    output.done(found, f"{name} is a member now, as {role}.")


@app.verb("slipway member set-role bob --role admin", name="set-role")
def set_role(name: Username, role: RoleOption) -> None:
    """Change what a member may do."""
    with open_client() as client:
        found = client.members.set_role(name, role)
    output.done(found, f"{name} is {role} now.")


@app.verb("slipway member remove bob", "slipway member remove bob --yes")
def remove(name: Username, yes: Yes = False) -> None:
    """Remove a member; their tokens of this workspace stop working."""
    confirm(f"Remove {name} from the workspace?", yes)
    with open_client() as client:
        client.members.remove(name)
    output.done({"removed": name}, f"Removed {name}.")


@app.verb(
    "slipway member invite --role contributor --note Bob",
    "slipway member invite --role viewer --query link -o tsv",
)
def invite(
    role: RoleOption = "viewer",
    note: Annotated[str, typer.Option("--note", help="For whom it is; the list of invitations shows it.")] = "",
) -> None:
    """Print a link that makes whoever opens it, and accepts, a member. Nothing shows it again."""
    with open_client() as client:
        found = client.members.invite(role, note)
    # The link alone on standard output: LINK=$(slipway member invite)
    output.done(found, found["link"])
    output.note(f"Send it to one person: it works once, until {wording.when(found['expires_at'])}.")


@app.verb("slipway member invitations")
def invitations() -> None:
    """List the invitations that nobody has accepted yet."""
    with open_client() as client:
        rows = list(client.members.invitations())
    output.rows(rows, INVITATION_COLUMNS, cut=("for",), empty="There are no open invitations.")


@app.verb("slipway member withdraw 3", "slipway member withdraw 3 --yes")
def withdraw(
    id: Annotated[int, typer.Argument(metavar="ID", help="Its number in 'slipway member invitations'.")],
    yes: Yes = False,
) -> None:
    """Withdraw an invitation; its link stops working."""
    confirm(f"Withdraw invitation {id}?", yes)
    with open_client() as client:
        client.members.withdraw(id)
    output.done({"withdrawn": id}, f"Withdrew invitation {id}.")
