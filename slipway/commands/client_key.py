"""`slipway client-key`: keys of single clients of a service."""

import sys
from typing import Annotated, Any

import typer

from slipway import output, wording
from slipway.columns import Column, time_column
from slipway.commands.nouns import Noun
from slipway.commands.options import ServiceName, Yes, confirm, open_client
from slipway.errors import Misuse

app = Noun(help="Keys of single clients of a service: named, with an expiry and quotas. The front takes them.")

KeyName = Annotated[str, typer.Argument(metavar="KEY", help="The key's name.")]
Days = Annotated[int | None, typer.Option(min=1, max=3650, help="How long it is valid. By default for ever.")]
Requests = Annotated[int | None, typer.Option("--requests-a-day", min=1, help="At most so many requests a UTC day.")]
Rows = Annotated[int | None, typer.Option("--rows-a-day", min=1, help="At most so many rows a UTC day.")]
COLUMNS = (
    Column("name", "name"),
    Column("begins with", "hint"),
    time_column("expires", "expires_at"),
    Column("requests today", lambda row: _of(row["requests_today"], row["requests_a_day"])),
    Column("requests in 30 days", "requests"),
    Column("rows today", lambda row: _of(row["rows_today"], row["rows_a_day"]) if row["rows_a_day"] else ""),
)
LIMITS = {"expiry": "expires_at", "requests": "requests_a_day", "rows": "rows_a_day"}


@app.verb("slipway client-key list iris", name="list")
def list_(service: ServiceName) -> None:
    """List the client keys of a service, and what came with each."""
    with open_client() as client:
        rows = list(client.client_keys(service).all())
    output.rows(
        rows, COLUMNS, cut=("requests in 30 days", "rows today", "expires"), empty="The service has no client keys."
    )


@app.verb(
    "slipway client-key create iris shop --days 90 --requests-a-day 100000",
    "export SHOP_KEY=$(slipway client-key create iris shop)",
    "slipway client-key create iris shop --value-stdin < key.txt",
)
def create(
    service: ServiceName,
    name: Annotated[str, typer.Argument(metavar="KEY", help="Who will use it.")],
    days: Days = None,
    requests_a_day: Requests = None,
    rows_a_day: Rows = None,
    value_stdin: Annotated[bool, typer.Option("--value-stdin", help="Read a key of your own from the input.")] = False,
) -> None:
    """Create a client key and print it. Nothing shows it again."""
    value = value_from_input() if value_stdin else None
    limits = _given(days=days, requests_a_day=requests_a_day, rows_a_day=rows_a_day)
    with open_client() as client:
        made = client.client_keys(service).create(name, value=value, **limits)
    # The key alone on standard output: KEY=$(slipway client-key create SERVICE KEY)
    output.done(made, made["value"])
    expiry = f" It expires at {wording.when(made['expires_at'])}." if made["expires_at"] else ""
    output.note(f"Keep it now: it is not shown again.{expiry}")


@app.verb(
    "slipway client-key update iris shop --requests-a-day 200000",
    "slipway client-key update iris shop --no-limit requests --no-limit expiry",
)
def update(
    service: ServiceName,
    key: KeyName,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="Let it expire in so many days.")] = None,
    requests_a_day: Requests = None,
    rows_a_day: Rows = None,
    no_limit: Annotated[
        list[str] | None, typer.Option("--no-limit", help="Remove this one: expiry, requests or rows.")
    ] = None,
) -> None:
    """Change expiry and quotas of a client key; what is left out stays."""
    limits = _given(days=days, requests_a_day=requests_a_day, rows_a_day=rows_a_day) | _removed(no_limit or [])
    if not limits:
        raise Misuse("Nothing to change.", hint="Give --days, --requests-a-day, --rows-a-day or --no-limit.")
    with open_client() as client:
        changed = client.client_keys(service).update(key, **limits)
    output.done(changed, f"Changed the client key {key} of {service}.")


@app.verb("slipway client-key regenerate iris shop", "slipway client-key regenerate iris shop --yes")
def regenerate(service: ServiceName, key: KeyName, yes: Yes = False) -> None:
    """Replace the value of a client key and print the new one."""
    confirm(f"Replace the key {key} of {service}? The old one is refused within seconds.", yes)
    with open_client() as client:
        made = client.client_keys(service).regenerate(key)
    output.done(made, made["value"])
    output.note("Keep it now: it is not shown again. The old one stops working within seconds.")


@app.verb("slipway client-key delete iris shop", "slipway client-key delete iris shop --yes")
def delete(service: ServiceName, key: KeyName, yes: Yes = False) -> None:
    """Delete a client key; requests with it are refused within seconds."""
    confirm(f"Delete the client key {key} of {service}?", yes)
    with open_client() as client:
        client.client_keys(service).delete(key)
    output.done({"deleted": key}, f"Deleted the client key {key} of {service}.")


def value_from_input() -> str:
    """A key of one's own, so that it stands neither in the shell's history nor in the list of processes."""
    value = sys.stdin.readline().rstrip("\r\n")
    if not value:
        raise Misuse("Standard input holds no key.", hint="slipway client-key create SERVICE KEY --value-stdin < FILE")
    return value


def _of(used: int, quota: int | None) -> str:
    return f"{used} of {quota}" if quota else str(used)


def _given(**limits: int | None) -> dict[str, Any]:
    return {name: limit for name, limit in limits.items() if limit is not None}


def _removed(names: list[str]) -> dict[str, None]:
    unknown = [name for name in names if name not in LIMITS]
    if unknown:
        raise Misuse(f"There is no limit '{unknown[0]}'.", hint="--no-limit takes expiry, requests or rows.")
    return {LIMITS[name]: None for name in names}
