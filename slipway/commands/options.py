"""What several commands share: options, and the client that the profile leads to."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slipway import output, profiles, request_body
from slipway.commands import completion
from slipway.errors import Interrupted, Misuse

if TYPE_CHECKING:
    from slipway.client import Client

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it is done.")]
Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="How long to wait at most.", min=1)]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many to list at most.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
Reference = Annotated[
    str,
    typer.Argument(
        metavar="NAME:VERSION",
        help="A version, such as iris:1 or iris:latest.",
        autocompletion=completion.versions,
    ),
]
ServiceName = Annotated[str, typer.Argument(metavar="NAME", help="A service.", autocompletion=completion.services)]


def open_client() -> "Client":
    """The client for the studio and workspace in use. Raises `NotSignedIn`."""
    from slipway.client import Client  # loads the HTTP library

    login = profiles.current()
    return Client(login.url, login.token, login.workspace, report=output.note)


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


def json_object(text: str, flag: str) -> dict[str, Any]:
    """The value of a flag that takes a JSON object, or `@` and the name of a file with one; empty for no text."""
    if not text:
        return {}
    try:
        found = json.loads(request_body.unmarked(request_body.read(text)))
    except ValueError as reason:
        raise Misuse(f"{flag} is not JSON: {reason}") from reason
    if not isinstance(found, dict):
        raise Misuse(f'{flag} must be a JSON object, as {{"access_log": true}}.')
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


def first(found: Any, limit: int) -> list[Any]:
    """The first rows of a list that may be long; says so where there are more."""
    from itertools import islice

    rows = list(islice(found, limit + 1))
    if len(rows) > limit:
        output.note(f"Only the first {limit} are listed; ask for more with --limit.")
    return rows[:limit]
