"""`slipway registry`: registries of images that the workspace signs in to."""

import sys
from typing import Annotated, Any

import typer

from slipway import output
from slipway.columns import Column
from slipway.commands.nouns import Noun
from slipway.commands.options import Yes, confirm, open_client
from slipway.errors import Misuse

app = Noun(help="Registries: where images are pulled from and sent to.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="A registry.")]
Username = Annotated[str | None, typer.Option("--username", "-u", help="Who signs in.")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
Push = Annotated[bool | None, typer.Option("--push/--no-push", help="Send images there that are built.")]
COLUMNS = (
    Column("name", "name"),
    Column("address", "address"),
    Column("user", "username"),
    Column("push", lambda row: "yes" if row["push"] else "no"),
)


@app.verb("slipway registry list", name="list")
def list_() -> None:
    """List the registries of the workspace."""
    with open_client() as client:
        rows = list(client.registries.all())
    output.rows(rows, COLUMNS)


@app.verb(
    "slipway registry add company --address registry.example.org/models --push",
    "slipway registry add company --address registry.example.org -u ci --password-stdin < token.txt",
)
def add(
    name: Name,
    address: Annotated[str, typer.Option("--address", help="What names of its images begin with; no https://.")],
    username: Username = None,
    password_stdin: PasswordStdin = False,
    push: Push = None,
) -> None:
    """Add a registry. The password is kept encrypted."""
    with open_client() as client:
        made = client.registries.add(name, address, **_settings(username, password_stdin, push))
    output.done(dict(made), f"Added the registry {name}.")


@app.verb("slipway registry update company --no-push")
def update(
    name: Name,
    address: Annotated[str | None, typer.Option("--address", help="What names of its images begin with.")] = None,
    username: Username = None,
    password_stdin: PasswordStdin = False,
    push: Push = None,
) -> None:
    """Change what is given; the rest stays."""
    settings = _settings(username, password_stdin, push) | ({"address": address} if address else {})
    if not settings:
        raise Misuse("Say what to change: --address, --username, --password-stdin, --push or --no-push.")
    with open_client() as client:
        made = client.registries.update(name, **settings)
    output.done(dict(made), f"Changed the registry {name}.")


@app.verb("slipway registry remove company")
def remove(name: Name, yes: Yes = False) -> None:
    """Forget a registry with its password; the images there stay."""
    confirm(f"Remove the registry {name}?", yes)
    with open_client() as client:
        client.registries.remove(name)
    output.done({"name": name, "removed": True}, f"Removed the registry {name}.")


def _settings(username: str | None, password_stdin: bool, push: bool | None) -> dict[str, Any]:
    found: dict[str, Any] = {"username": username, "push": push}
    if password_stdin:
        found["password"] = sys.stdin.readline().rstrip("\n")
    return {key: value for key, value in found.items() if value is not None}
