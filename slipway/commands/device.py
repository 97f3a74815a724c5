"""`slipway device`: the devices of edge targets."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway import output
from slipway.columns import Column, time_column
from slipway.commands import completion
from slipway.commands.nouns import Noun
from slipway.commands.options import Overwrite, Yes, confirm, open_client
from slipway.errors import Misuse
from slipway.saving import refuse_existing

if TYPE_CHECKING:
    from slipway.types import Device, NewDevice

app = Noun(help="Devices: what edge targets are made of.")

Target = Annotated[str, typer.Argument(metavar="TARGET", help="An edge target.", autocompletion=completion.targets)]
Name = Annotated[str, typer.Argument(metavar="DEVICE", help="A device of it.")]
Labels = Annotated[list[str] | None, typer.Option("--label", help="A label, by which waves find it; repeat it.")]
File = Annotated[Path | None, typer.Option("--file", help="Write agent.json there instead of printing it.")]
COLUMNS = (
    Column("name", "name"),
    Column("labels", "labels"),
    Column("online", lambda row: "yes" if row["online"] else "no"),
    time_column("last seen", "last_seen_at"),
    Column("services", lambda row: ", ".join(map(_service, row["services"])) or "none"),
)
ROLLOUT_COLUMNS = (
    Column("service", "service"),
    Column("state", "state"),
    Column("before", "stable"),
    Column("next", "next"),
    Column("wave", "wave"),
    Column("running", lambda row: f"{row['healthy']} of {row['reached']}"),
    Column("reason", "reason"),
)


@app.verb("slipway device list plant", name="list")
def list_(target: Target) -> None:
    """List devices: when they were seen, what they are to run and what they run."""
    with open_client() as client:
        rows = list(client.devices.all(target))
    output.rows(rows, COLUMNS, cut=("services",), empty="There is no device yet.")


@app.verb("slipway device add plant hall-3 --file agent.json", "slipway device add plant hall-4 --label canary")
def add(target: Target, name: Name, labels: Labels = None, file: File = None, overwrite: Overwrite = False) -> None:
    """Add a device and get its agent.json, whose key is shown this once."""
    _refuse(file, overwrite)
    with open_client() as client:
        made = client.devices.add(target, name, labels or [])
    _hand_over(made, file)


@app.verb("slipway device label plant hall-3 --label canary --label north", "slipway device label plant hall-3")
def label(target: Target, name: Name, labels: Labels = None) -> None:
    """Give a device other labels in place of those it has."""
    with open_client() as client:
        found = client.devices.label(target, name, labels or [])
    output.done(found, f"{name} has the labels {', '.join(found['labels']) or 'none'}.")


@app.verb("slipway device regenerate-key plant hall-3 --file agent.json", name="regenerate-key")
def regenerate_key(target: Target, name: Name, file: File = None, overwrite: Overwrite = False) -> None:
    """Make a new key; the old one stops working at once."""
    _refuse(file, overwrite)
    with open_client() as client:
        made = client.devices.regenerate_key(target, name)
    _hand_over(made, file)


@app.verb("slipway device revoke-key plant hall-3 --yes", name="revoke-key")
def revoke_key(target: Target, name: Name, yes: Yes = False) -> None:
    """Answer a device no more, until it has a new key."""
    confirm(f"Revoke the key of {name}?", yes)
    with open_client() as client:
        found: Device = client.devices.revoke_key(target, name)
    output.done(found, f"The key of {name} is revoked. What runs there goes on.")


@app.verb("slipway device remove plant hall-3", "slipway device remove plant hall-3 --yes")
def remove(target: Target, name: Name, yes: Yes = False) -> None:
    """Forget a device; what runs there goes on."""
    confirm(f"Remove the device {name}?", yes)
    with open_client() as client:
        client.devices.remove(target, name)
    output.done({"removed": name}, f"Removed {name}.")


@app.verb("slipway device rollouts plant")
def rollouts(target: Target) -> None:
    """List how far each service of a target is on its devices."""
    with open_client() as client:
        rows = client.devices.rollouts(target)
    output.rows(rows, ROLLOUT_COLUMNS, cut=("reason",), empty="No service runs on these devices.")


@app.verb("slipway device resume plant iris")
def resume(target: Target, service: Annotated[str, typer.Argument(metavar="SERVICE", help="A service.")]) -> None:
    """Go on with a roll-out that was stopped; devices where it failed try again."""
    with open_client() as client:
        found = client.devices.resume(target, service)
    output.done(found, f"The roll-out of {service} goes on.")


@app.verb("slipway device public-key > studio.pub", name="public-key")
def public_key() -> None:
    """Print the public key that devices check archives and documents of the studio with."""
    with open_client() as client:
        pem = client.edge.public_key()
    output.done({"pem": pem}, pem.strip())


def _service(row: "dict[str, object]") -> str:
    return f"{row['service']} {row['running'] or '-'}/{row['desired'] or '-'} {row['state']}"


def _refuse(file: Path | None, overwrite: bool) -> None:
    """Before there is a key that nobody gets to see."""
    if file is not None:
        refuse_existing([file], overwrite=overwrite)


def _hand_over(made: "NewDevice", file: Path | None) -> None:
    text = json.dumps(made["agent"], indent=2)
    if file is None:
        output.done(made, text)
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(text)
    except OSError as reason:
        message = f"{file} cannot be written: {reason.strerror or reason}"
        raise Misuse(message, hint="Make a new key with 'slipway device regenerate-key'.") from reason
    output.done({"name": made["name"], "file": str(file)}, f"Wrote {file} for {made['name']}.")
