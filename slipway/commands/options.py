"""What several commands share: options, and the client that the profile leads to."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from slipway import output, profiles
from slipway.errors import Interrupted, Misuse

if TYPE_CHECKING:
    from slipway.client import Client

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else on standard output.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it is done.")]
Timeout = Annotated[float, typer.Option("--timeout", help="Seconds to wait at most.", min=1)]
Reference = Annotated[str, typer.Argument(metavar="NAME:VERSION", help="A version, such as iris:1 or iris:latest.")]
ServiceName = Annotated[str, typer.Argument(metavar="NAME", help="A service.")]


def open_client() -> "Client":
    """The client for the studio and workspace in use. Raises `NotSignedIn`."""
    from slipway.client import Client  # loads the HTTP library

    login = profiles.current()
    return Client(login.url, login.token, login.workspace, tell=output.note)


def key_values(given: list[str] | None, what: str) -> dict[str, str]:
    """`["area=vision"]` as `{"area": "vision"}`. Raises `Misuse` without `=` and for a key given twice."""
    found: dict[str, str] = {}
    for text in given or []:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise Misuse(f"{what} '{text}' is not of the form key=value.")
        if key in found:
            raise Misuse(f"{what} '{key}' is given twice.")
        found[key] = value
    return found


def confirm(question: str, yes: bool) -> None:
    """Ask on a terminal; elsewhere demand `--yes`. A no ends the command with exit code 1."""
    import sys

    if yes:
        return
    if not sys.stdin.isatty():
        raise Misuse(f"{question} Nobody is here to answer.", hint="Add --yes.")
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        raise Interrupted("Interrupted.") from None
    if not agreed:
        raise typer.Exit(1)


def given(**values: Any) -> dict[str, Any]:
    """The values that were given: neither None nor empty."""
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}
