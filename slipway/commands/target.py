"""`slipway target`: the places where services run."""

from typing import Annotated, Any

import typer

from slipway import output
from slipway.columns import Column
from slipway.commands import completion
from slipway.commands.nouns import Noun
from slipway.commands.options import Timeout, Yes, confirm, key_values, open_client
from slipway.types import Target, TargetCheck

app = Noun(help="Targets: the places where services run.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="A target.", autocompletion=completion.targets)]
COLUMNS = (
    Column("name", "name"),
    Column("kind", "kind"),
    Column("services", "services"),
    Column("last check", lambda row: _verdict(row["last_check"])),
)
KIND_COLUMNS = (
    Column("kind", "kind"),
    Column("title", "title"),
    Column("settings", lambda row: ", ".join(setting["name"] for setting in row["settings"]) or "none"),
)


@app.verb("slipway target list", name="list")
def list_() -> None:
    """List the targets of the workspace."""
    with open_client() as client:
        rows = list(client.targets.all())
    output.rows(rows, COLUMNS)


@app.verb("slipway target show local")
def show(name: Name) -> None:
    """Show a target: its settings, and what its last check found."""
    with open_client() as client:
        found = client.targets.show(name)
    output.result(found, lambda: _show(found))


@app.verb("slipway target add second --kind local", "slipway target add edge --kind KIND --set host=edge-1")
def add(
    name: Name,
    kind: Annotated[
        str,
        typer.Option(
            "--kind", help="What it is; 'slipway target kinds' lists them.", autocompletion=completion.target_kinds
        ),
    ],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of its kind; repeat it.")
    ] = None,
    timeout: Timeout = 120,
) -> None:
    """Add a target and test its connection; exits with 1 when something is wrong with it."""
    with open_client() as client:
        given = client.targets.typed(kind, key_values(settings, "Setting")) if settings else {}
        client.targets.add(name, kind, given)
        found = client.targets.check(name, timeout)
    _report(name, found, f"Added {name}.")


@app.verb("slipway target update edge --set host=edge-2")
def update(
    name: Name,
    settings: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="A setting of its kind; repeat it. Others stay.")
    ],
    timeout: Timeout = 120,
) -> None:
    """Change settings of a target and test its connection; exits with 1 when something is wrong with it."""
    with open_client() as client:
        kind = client.targets.show(name)["kind"]
        client.targets.update(name, client.targets.typed(kind, key_values(settings, "Setting")))
        found = client.targets.check(name, timeout)
    _report(name, found, f"Changed {name}.")


@app.verb("slipway target check local")
def check(name: Name, timeout: Timeout = 120) -> None:
    """Test the connection; exits with 1 when something is wrong."""
    with open_client() as client:
        found = client.targets.check(name, timeout)
    _report(name, found)


@app.verb("slipway target remove second", "slipway target remove second --yes")
def remove(name: Name, yes: Yes = False) -> None:
    """Remove a target that no service uses."""
    confirm(f"Remove the target {name}?", yes)
    with open_client() as client:
        client.targets.remove(name)
    output.done({"removed": name}, f"Removed {name}.")


@app.verb("slipway target kinds")
def kinds() -> None:
    """List the kinds of targets and their settings."""
    with open_client() as client:
        rows = client.targets.kinds()
    output.rows(rows, KIND_COLUMNS, cut=("settings",))


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
    for line in (*check["problems"], *check.get("facts", [])) if check else ():
        output.note(line)


def _shown(value: Any) -> Any:
    return ("set" if value["set"] else "not set") if isinstance(value, dict) else value


def _report(name: str, found: TargetCheck, before: str = "") -> None:
    verdict = "has problems:" if found["problems"] else "is ready: services can run there."
    output.result(found, lambda: print(f"{before} {name} {verdict}".strip()))
    for line in (*found["problems"], *found.get("facts", [])):
        output.note(line)
    if found["problems"]:
        raise typer.Exit(1)
