"""`slipway target`: the places where services run."""

from typing import Annotated, Any

import typer

from slipway import output
from slipway.commands.options import Json, Timeout, Yes, confirm, key_values, open_client
from slipway.types import Target, TargetCheck

app = typer.Typer(help="Targets: the places where services run.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A target.")]


@app.callback()
def group() -> None:
    """Targets: the places where services run."""


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the targets of the workspace."""
    with open_client() as client:
        rows = list(client.targets.all())
    shown = [(row["name"], row["kind"], row["services"], _verdict(row["last_check"])) for row in rows]
    output.Output(as_json).result(rows, lambda: output.table(["name", "kind", "services", "last check"], shown))


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Show a target: its settings, and what its last check found."""
    with open_client() as client:
        found = client.targets.show(name)
    output.Output(as_json).result(found, lambda: _show(found))


@app.command()
def add(
    name: Name,
    kind: Annotated[str, typer.Option("--kind", help="What it is; 'slipway target kinds' lists them.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of its kind; repeat it.")
    ] = None,
    timeout: Timeout = 120,
    as_json: Json = False,
) -> None:
    """Add a target and test its connection; exits with 1 when something is wrong with it."""
    with open_client() as client:
        given = client.targets.typed(kind, key_values(settings, "Setting")) if settings else {}
        client.targets.add(name, kind, given)
        found = client.targets.check(name, timeout)
    _report(name, found, as_json, f"Added {name}.")


@app.command()
def check(name: Name, timeout: Timeout = 120, as_json: Json = False) -> None:
    """Test the connection; exits with 1 when something is wrong."""
    with open_client() as client:
        found = client.targets.check(name, timeout)
    _report(name, found, as_json)


@app.command()
def remove(name: Name, yes: Yes = False, as_json: Json = False) -> None:
    """Remove a target that no service uses."""
    confirm(f"Remove the target {name}?", yes)
    with open_client() as client:
        client.targets.remove(name)
    output.Output(as_json).done({"removed": name}, f"Removed {name}.")


@app.command()
def kinds(as_json: Json = False) -> None:
    """List the kinds of targets and their settings."""
    with open_client() as client:
        rows = client.targets.kinds()
    shown = [
        (row["kind"], row["title"], ", ".join(setting["name"] for setting in row["settings"]) or "none") for row in rows
    ]
    output.Output(as_json).result(rows, lambda: output.table(["kind", "title", "settings"], shown))


def _verdict(check: TargetCheck | None) -> str:
    if check is None:
        return "not checked yet"
    if check["state"] in {"queued", "running"}:
        return "checking"
    if check["state"] != "succeeded":
        return "check failed"
    return "problems" if check["problems"] else "ready"


def _show(found: Target) -> None:
    settings = {name: _shown(value) for name, value in found["settings"].items()}
    check = found["last_check"]
    facts = {"name": found["name"], "kind": found["kind_title"], "services": found["services"], **settings}
    output.facts(facts | {"last check": _verdict(check)})
    for problem in check["problems"] if check else []:
        output.note(problem)


def _shown(value: Any) -> Any:
    return ("set" if value["set"] else "not set") if isinstance(value, dict) else value


def _report(name: str, found: TargetCheck, as_json: bool, before: str = "") -> None:
    verdict = "has problems:" if found["problems"] else "is ready: services can run there."
    output.Output(as_json).result(found, lambda: print(f"{before} {name} {verdict}".strip()))
    for problem in found["problems"]:
        output.note(problem)
    if found["problems"]:
        raise typer.Exit(1)
