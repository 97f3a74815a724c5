"""`slipway service`: deploy, update, roll back, list, show, score, logs, keys, access tokens, stop, start, delete."""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slipway import output, request_body, wording
from slipway.commands import deploying, revisions
from slipway.commands.deployment_flags import FLAGS
from slipway.commands.flags import with_flags
from slipway.commands.options import Json, ServiceName, Timeout, Wait, Yes, confirm, given, open_client
from slipway.errors import Failed, Misuse

if TYPE_CHECKING:
    from slipway.client import Client

app = typer.Typer(help="Services: deploy models, call them, watch them, stop them.", no_args_is_help=True)
app.command()(revisions.update)
app.command()(revisions.rollback)
app.command("revisions")(revisions.list_)
FOLLOW_SECONDS = 1.0


@app.command()
@with_flags(FLAGS, into="limits")
def deploy(  # noqa: PLR0913, PLR0917 - a parameter for each option
    name: Annotated[str, typer.Option("--name", "-n", help="Name of the service.")],
    model: Annotated[list[str], typer.Option("--model", "-m", help="NAME:VERSION; may be repeated.")],
    config: Annotated[str | None, typer.Option(help="Inference config NAME:VERSION (not needed for ONNX).")] = None,
    entry_script: Annotated[str | None, typer.Option(help="A script with init() and run(); makes a config.")] = None,
    source_dir: Annotated[Path | None, typer.Option(help="Folder with the script and what it imports.")] = None,
    requirements: Annotated[Path | None, typer.Option(help="requirements.txt of the script.")] = None,
    environment: Annotated[str, typer.Option(help="Environment NAME:VERSION, if it exists already.")] = "",
    deployment_config: Annotated[
        Path | None, typer.Option("--deployment-config", "--dc", help="deploymentconfig.json; flags count more.")
    ] = None,
    server: Annotated[str, typer.Option(help="Other options of the scoring server: JSON, or @file.")] = "",
    description: Annotated[str, typer.Option("--description", "-d")] = "",
    reason: Annotated[str, typer.Option(help="Why, for the activity list.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Give a service that exists a new revision.")] = False,
    wait: Wait = False,
    timeout: Timeout = 900,
    as_json: Json = False,
    *,
    limits: dict[str, Any],
) -> None:
    """Deploy model versions as a service."""
    limits = deploying.options(limits, server, deployment_config)
    facts = given(deployment_config=limits, description=description, reason=reason, overwrite=overwrite or None)
    script = deploying.script_of(config, entry_script, source_dir, requirements, environment)
    with open_client() as client:
        if script:
            config = deploying.make_config(client, name, script)
        service = client.deploy(name, model, config=config, **facts)
        output.note(f"Deploying {name}.")
        if wait:
            service = deploying.wait_healthy(client, name, timeout)
    output.Output(as_json).result(service, lambda: deploying.show(service))


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List services."""
    with open_client() as client:
        rows = list(client.services())
    shown = [
        (row["name"], row["state"], ", ".join(row["models"]), row.get("scoring_uri"), wording.when(row["updated_at"]))
        for row in rows
    ]
    headings = ["name", "state", "models", "address", "changed"]
    output.Output(as_json).result(rows, lambda: output.table(headings, shown))


@app.command()
def show(name: ServiceName, as_json: Json = False) -> None:
    """Show a service: its state, why, its address and models."""
    with open_client() as client:
        service = client.service(name)
    output.Output(as_json).result(service, lambda: deploying.show(service))


@app.command()
def score(
    name: ServiceName,
    data: Annotated[str, typer.Option("--data", "-d", help="The request: JSON, @file, or - for standard input.")],
    content_type: Annotated[str, typer.Option(help="Of the request.")] = "application/json",
    path: Annotated[str, typer.Option(help="Where it goes, as /v2/models/NAME/infer.")] = "/score",
    as_json: Json = False,
) -> None:
    """Send a request to a service and print its answer."""
    body = request_body.read(data)
    if request_body.is_json(content_type):
        body = request_body.unmarked(body)
    with open_client() as client:
        answer = client.score(name, body, content_type, path=path)
    document = {
        "status": answer.status,
        "milliseconds": round(answer.milliseconds, 1),
        "body": _decoded(answer.text),
    }
    output.Output(as_json).result(document, lambda: print(answer.text))
    if answer.status >= 400:
        output.note(f"{name} answered {answer.status}.")
        raise typer.Exit(Failed.exit_code)


@app.command()
def logs(
    name: ServiceName,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    source: Annotated[str, typer.Option(help="service or build.")] = "service",
    as_json: Json = False,
) -> None:
    """Print what a service, or its build, has written."""
    if follow and as_json:
        raise Misuse("--follow never ends, so that there is no one JSON document.", hint="Leave one of them out.")
    with open_client() as client:
        if not follow:
            pieces: list[str] = []
            offset = _read_log(client, name, source, 0, pieces.append)
            text = "".join(pieces)
            output.Output(as_json).done({"text": text, "offset": offset}, text.removesuffix("\n"))
            return
        offset = _read_log(client, name, source, 0, _print_now)
        while True:
            time.sleep(FOLLOW_SECONDS)
            offset = _read_log(client, name, source, offset, _print_now)


@app.command()
def keys(
    name: ServiceName,
    regenerate: Annotated[str | None, typer.Option(help="primary or secondary: make a new one.")] = None,
    as_json: Json = False,
) -> None:
    """Print the keys that callers of a service need."""
    with open_client() as client:
        found = client.regenerate_key(name, regenerate) if regenerate else client.keys(name)
    output.Output(as_json).result(found, lambda: output.facts(dict(found)))


@app.command("get-access-token")
def get_access_token(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A service.")] = None,
    named: Annotated[str | None, typer.Option("--name", "-n", help="The same.")] = None,
    regenerate: Annotated[bool, typer.Option("--regenerate", help="Revoke all existing tokens first.")] = False,
    as_json: Json = False,
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
    output.Output(as_json).done(found, found["access_token"])
    refresh, expiry = wording.when(found["refresh_after"]), wording.when(found["expiry_on"])
    output.note(f"Get a new one after {refresh}; this one expires at {expiry}.")


@app.command()
def stop(name: ServiceName, wait: Wait = False, timeout: Timeout = 120, as_json: Json = False) -> None:
    """Stop a service; address and keys stay."""
    with open_client() as client:
        service = client.stop(name)
        if wait:
            with output.spinner(name) as tell:
                service = client.wait_for(name, {"Stopped"}, timeout, on_look=lambda found: tell(found["state"]))
    output.Output(as_json).done(service, f"{name} is {service['state']}." if wait else f"Stopping {name}.")


@app.command()
def start(name: ServiceName, wait: Wait = False, timeout: Timeout = 900, as_json: Json = False) -> None:
    """Start a stopped service."""
    with open_client() as client:
        service = client.start(name)
        if wait:
            service = deploying.wait_healthy(client, name, timeout)
    output.Output(as_json).done(service, f"{name} is {service['state']}." if wait else f"Starting {name}.")


@app.command()
def delete(
    name: ServiceName, yes: Yes = False, wait: Wait = False, timeout: Timeout = 120, as_json: Json = False
) -> None:
    """Delete a service with its revisions, keys and figures."""
    confirm(f"Delete the service {name}? Its callers will get no answer any more.", yes)
    with open_client() as client:
        client.delete_service(name)
        if wait:
            client.wait_until_gone(name, timeout)
    output.Output(as_json).done({"deleted": name}, f"Deleted {name}." if wait else f"Deleting {name}.")


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _read_log(client: "Client", name: str, source: str, offset: int, write: Any) -> int:
    """Hand on everything from `offset`; where the log ends now."""
    while True:
        piece = client.logs(name, offset, source)
        if not piece["text"]:
            return piece["offset"]
        write(piece["text"])
        offset = piece["offset"]


def _print_now(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
