"""`slipway service`: deploy, update, roll back, list, show, score, logs, metrics, keys, stop, start, delete."""

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from slipway import output, progress, request_body
from slipway.columns import Column, time_column
from slipway.commands import (
    access,
    code_options,
    completion,
    deploying,
    development,
    export,
    metrics,
    profiling,
    revisions,
    rollout,
    scale,
    traffic,
    verdict,
)
from slipway.commands.deployment_flags import FLAGS
from slipway.commands.flags import with_flags
from slipway.commands.nouns import Noun
from slipway.commands.options import ServiceName, Timeout, Wait, Yes, confirm, given, open_client
from slipway.errors import Failed, Misuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from slipway.types import Log

app = Noun(help="Services: deploy models, call them, watch them, stop them.")
FOLLOW_SECONDS = 1.0
State = Literal["Transitioning", "Healthy", "Unhealthy", "Unschedulable", "Failed", "Stopped"]
COLUMNS = (
    Column("name", "name"),
    Column("state", deploying.state_of),
    Column("models", "models"),
    Column("address", "scoring_uri"),
    time_column("changed", "updated_at"),
    Column("development", lambda row: "yes" if row.get("development") else ""),
)


@app.verb(
    "slipway service deploy -n iris -m iris:1 --wait",
    "slipway service deploy -n iris -m iris:latest --cpu 2 --overwrite --wait",
    "slipway service deploy -n wine -m wine:1 --entry-script score.py --requirements requirements.txt --wait",
    "slipway service deploy -n wine -m wine:1 --ic inferenceconfig.json --dc deploymentconfig.json",
    "slipway service deploy -n try --source-dir src --watch --attach",
)
@with_flags(FLAGS, into="limits")
def deploy(  # noqa: PLR0913, PLR0917 - a parameter for each option
    name: Annotated[str, typer.Option("--name", "-n", help="Name of the service.")],
    model: code_options.Models = None,
    config: Annotated[str | None, typer.Option(help="Inference config NAME:VERSION (most models need none).")] = None,
    entry_script: code_options.EntryScript = None,
    source_dir: code_options.SourceDir = None,
    requirements: code_options.Requirements = None,
    environment: code_options.EnvironmentName = "",
    python_version: code_options.PythonVersion = "",
    inference_config: code_options.InferenceConfig = None,
    deployment_config: code_options.DeploymentConfig = None,
    target: code_options.Target = None,
    gpu_cores: Annotated[int, typer.Option("--gpu-cores", "--gc", hidden=True)] = 0,
    server: Annotated[str, typer.Option(help="Other options of the scoring server: JSON, or @file.")] = "",
    description: Annotated[str, typer.Option("--description", "-d", help="What it is for.")] = "",
    reason: Annotated[str, typer.Option(help="Why, for the activity list.")] = "",
    label: Annotated[str, typer.Option("--label", "--vn", help="A name of the revision, for x-slipway-revision.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Give a service that exists a new revision.")] = False,
    traffic: code_options.Traffic = None,
    dev: development.Dev = None,
    attach: development.Attach = False,
    watch: development.Watch = False,
    wait: Wait = False,
    timeout: Timeout = 900,
    *,
    limits: dict[str, Any],
) -> None:
    """Deploy model versions, or a script that needs none, as a service.

    With --dev the files of a folder run as they are, and nothing is registered: for work on a script. Afterwards
    `slipway service reload NAME` sends what has changed.
    """
    azure = {"gpuCores": gpu_cores} if gpu_cores else {}
    facts = given(
        config=config,
        target=target,
        deployment_config=deploying.options(limits, server, deployment_config, azure),
        description=description,
        reason=reason,
        label=label,
        overwrite=overwrite or None,
        traffic=traffic,
    )
    code = deploying.Code(
        config=config,
        entry_script=entry_script,
        source_dir=source_dir,
        requirements=requirements,
        environment=environment,
        inference_file=inference_config,
        python_version=python_version,
    )
    after = development.After(attach, watch)
    if development.is_meant(dev, code, target):
        development.deploy(name, model or [], code, facts, timeout if wait else None, after)
        return
    if after:
        raise Misuse("--attach and --watch go with --dev.", hint="slipway service logs NAME --follow prints its log.")
    service = deploying.deploy(name, model or [], code.source(), facts, timeout if wait else None)
    output.result(service, lambda: deploying.show(service))


app.verb(
    "slipway service update iris -m iris:2 --wait",
    "slipway service update iris --scoring-timeout 30",
    "slipway service update iris -m iris:2 --traffic 0 --label blue",
)(revisions.update)
app.verb(
    "slipway service reload try --wait",
    "slipway service reload try --watch --attach",
)(development.reload)
app.verb("slipway service rollback iris --wait", "slipway service rollback iris --to 1")(revisions.rollback)
app.verb("slipway service revisions iris", name="revisions")(revisions.list_)
app.verb(
    "slipway service traffic iris",
    "slipway service traffic iris 1=90 2=10 --sticky header:x-user",
    "slipway service traffic iris 1=100 --mirror 2=10",
    "slipway service traffic iris --promote 2",
    name="traffic",
)(traffic.change)
app.add_typer(rollout.app, name="rollout")
app.verb("slipway service verdict iris --name bought --matters 0.01 --wait 3d", name="verdict")(verdict.show)
app.verb(
    "slipway service scale iris",
    "slipway service scale iris --replicas 4",
    "slipway service scale iris --min 0 --max 10 --sleep-after 600",
    "slipway service scale iris --reset",
    name="scale",
)(scale.scale)


@app.verb(
    "slipway service list",
    "slipway service list --state Healthy --query '[].scoring_uri' -o tsv",
    "slipway service list --model-name iris",
    name="list",
)
def list_(
    model_name: Annotated[
        str,
        typer.Option("--model-name", help="Those that run this model.", autocompletion=completion.models),
    ] = "",
    model: Annotated[
        str,
        typer.Option("--model", "-m", help="Those that run this NAME:VERSION.", autocompletion=completion.versions),
    ] = "",
    state: Annotated[State | None, typer.Option("--state", case_sensitive=False, help="Those in this state.")] = None,
) -> None:
    """List services."""
    if model and model_name:
        raise Misuse("Give one of --model and --model-name.")
    with open_client() as client:
        rows = list(client.services(model=model or model_name, state=state or ""))
    output.rows(rows, COLUMNS, cut=("models", "changed"), empty="There are no such services.")


@app.verb("slipway service show iris")
def show(name: ServiceName) -> None:
    """Show a service: its state, why, its address and models."""
    with open_client() as client:
        service = client.service(name)
    output.result(service, lambda: deploying.show(service))


@app.verb(
    """slipway service score iris -d '{"data": [[5.1, 3.5, 1.4, 0.2]]}'""",
    "slipway service score iris -d @samples/iris/sample-data.json",
    "slipway service score iris -d - --query body < request.json",
)
def score(
    name: ServiceName,
    data: Annotated[str, typer.Option("--data", "-d", help="The request: JSON, @file, or - for standard input.")],
    content_type: Annotated[str, typer.Option(help="Of the request.")] = "application/json",
    path: Annotated[str, typer.Option(help="Where it goes, as /v2/models/NAME/infer.")] = "/score",
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
    output.result(document, lambda: print(answer.text))
    if answer.status >= 400:
        output.note(f"{name} answered {answer.status}.")
        raise typer.Exit(Failed.exit_code)


@app.verb(
    "slipway service logs iris",
    "slipway service logs iris --lines 50",
    "slipway service logs iris --follow",
    "slipway service logs iris --source build",
    "slipway service logs iris --replica 2",
)
def logs(
    name: ServiceName,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    source: Annotated[
        Literal["service", "build"], typer.Option(help="What has written it: the service itself, or its build.")
    ] = "service",
    lines: Annotated[int | None, typer.Option("--lines", "-l", min=1, help="Only the last lines, so many.")] = None,
    replica: Annotated[int, typer.Option(min=1, help="Number of the replica that has written it.")] = 1,
) -> None:
    """Print what a service, or its build, has written."""
    if lines is not None and follow:
        raise Misuse("Give one of --lines and --follow.")
    if follow and output.is_document():
        raise Misuse("--follow never ends, so that there is no one document.", hint="Leave it or the format out.")
    with open_client() as client:
        read = partial(client.logs, name, source=source, replica=replica)
        if not follow:
            pieces: list[str] = []
            offset = _read_log(read, 0, pieces.append)
            text = _last_lines("".join(pieces), lines)
            output.done({"text": text, "offset": offset}, text.removesuffix("\n"))
            return
        offset = _read_log(read, 0, output.stream)
        while True:
            time.sleep(FOLLOW_SECONDS)
            offset = _read_log(read, offset, output.stream)


app.verb("slipway service keys iris", "slipway service keys iris --query primary -o tsv")(access.keys)
app.verb(
    "slipway service regen-key iris --key secondary",
    "export SERVICE_KEY=$(slipway service regen-key iris -k primary)",
    "slipway service regen-key iris --key primary --set-key - < key.txt",
    name="regen-key",
)(access.regenerate_key)
app.verb(
    "slipway service get-access-token iris",
    "export SERVICE_TOKEN=$(slipway service get-access-token iris)",
    name="get-access-token",
)(access.get_access_token)
app.verb("slipway service metrics iris", "slipway service metrics iris --range 24h -o json", name="metrics")(
    metrics.show
)


app.verb(
    "slipway service export iris --edge",
    "slipway service export iris --revision 3 --edge --file iris.tar.gz",
    "slipway service export iris --iot-edge --file deployment.json",
    name="export",
)(export.export)


app.verb("slipway service profile iris --latency-ms 20 --rate 500 --wait", name="profile")(profiling.profile_service)


@app.verb("slipway service stop iris --wait")
def stop(name: ServiceName, wait: Wait = False, timeout: Timeout = 120) -> None:
    """Stop a service; address and keys stay."""
    with open_client() as client:
        service = client.stop(name)
        if wait:
            with progress.spinner(name) as report:
                service = client.wait_for(name, {"Stopped"}, timeout, on_look=lambda found: report(found["state"]))
    output.done(service, f"{name} is {service['state']}." if wait else f"Stopping {name}.")


@app.verb("slipway service start iris --wait")
def start(name: ServiceName, wait: Wait = False, timeout: Timeout = 900) -> None:
    """Start a stopped service."""
    with open_client() as client:
        service = client.start(name)
        if wait:
            service = deploying.wait_healthy(client, name, timeout)
    output.done(service, f"{name} is {service['state']}." if wait else f"Starting {name}.")


@app.verb("slipway service delete iris", "slipway service delete iris --yes --wait")
def delete(name: ServiceName, yes: Yes = False, wait: Wait = False, timeout: Timeout = 120) -> None:
    """Delete a service with its revisions, keys and figures."""
    confirm(f"Delete the service {name}? Its callers will get no answer any more.", yes)
    with open_client() as client:
        client.delete_service(name)
        if wait:
            client.wait_until_gone(name, timeout)
    output.done({"deleted": name}, f"Deleted {name}." if wait else f"Deleting {name}.")


def _last_lines(text: str, count: int | None) -> str:
    return text if count is None else "".join(text.splitlines(keepends=True)[-count:])


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _read_log(read: "Callable[..., Log]", offset: int, write: Any) -> int:
    """Hand on everything from `offset`; where the log ends now."""
    while True:
        piece = read(offset=offset)
        if not piece["text"]:
            return piece["offset"]
        write(piece["text"])
        offset = piece["offset"]
