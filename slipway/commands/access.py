"""`slipway service keys`, `regen-key`, `get-access-token`: what callers of a service must show."""

from typing import Annotated, Literal

import typer

from slipway import output, wording
from slipway.commands import completion
from slipway.commands.client_key import value_from_input
from slipway.commands.options import ServiceName, open_client
from slipway.errors import Misuse

Slot = Literal["primary", "secondary"]


def keys(
    name: ServiceName,
    regenerate: Annotated[
        Slot | None, typer.Option(help="Replace this key first; regen-key prints the new one alone.")
    ] = None,
) -> None:
    """Print the keys that callers of a service need."""
    with open_client() as client:
        found = client.regenerate_key(name, regenerate) if regenerate else client.keys(name)
    output.result(found, lambda: output.facts(found))


def regenerate_key(
    name: ServiceName,
    key: Annotated[
        Slot, typer.Option("--key", "-k", case_sensitive=False, help="The key to replace; the other one stays.")
    ],
    set_key: Annotated[
        str | None, typer.Option("--set-key", metavar="VALUE", help="A key of your own; - reads it from the input.")
    ] = None,
) -> None:
    """Replace a key of a service and print the new one; the old one stops working within seconds."""
    value = value_from_input() if set_key == "-" else set_key
    with open_client() as client:
        new = client.regenerate_key(name, key, value)[key]
    output.done({"key": key, "value": new}, new)
    output.note(f"The {key} key of {name} is replaced; the old one stops working within seconds.")


def get_access_token(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A service.", autocompletion=completion.services)
    ] = None,
    named: Annotated[
        str | None, typer.Option("--name", "-n", help="The same.", autocompletion=completion.services)
    ] = None,
    regenerate: Annotated[bool, typer.Option("--regenerate", help="Revoke all existing tokens first.")] = False,
) -> None:
    """Print a token for calls of a service that takes tokens instead of keys."""
    service = name or named
    if service is None or (name and named):
        raise Misuse("Name one service.", hint="slipway service get-access-token NAME")
    with open_client() as client:
        if regenerate:
            client.end_tokens(service)
        found = client.access_token(service)
    # The token alone on standard output: TOKEN=$(slipway service get-access-token NAME)
    output.done(found, found["access_token"])
    refresh, expiry = wording.when(found["refresh_after"]), wording.when(found["expiry_on"])
    output.note(f"Get a new one after {refresh}; this one expires at {expiry}.")
