"""`slipway service update`, `rollback`, `revisions`: which revision of a service answers."""

from pathlib import Path
from typing import Annotated, Any

import typer

from slipway import output
from slipway.columns import Column, time_column
from slipway.commands import code_options, completion, deploying
from slipway.commands.deployment_flags import FLAGS
from slipway.commands.flags import with_flags
from slipway.commands.options import ServiceName, Timeout, Wait, given, open_client

COLUMNS = (
    Column("revision", "number"),
    Column("models", "models"),
    Column("state", "state"),
    Column("traffic", lambda row: f"{row['share']:g} %"),
    Column("can roll back", "can_roll_back"),
    time_column("created", "created_at"),
    Column("label", lambda row: row.get("label") or ""),
)


@with_flags(FLAGS, into="limits")
def update(  # noqa: PLR0913, PLR0917 - a parameter for each option
    name: ServiceName,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help="NAME:VERSION; may be repeated. Else those it has.",
            autocompletion=completion.versions,
        ),
    ] = None,
    config: Annotated[str | None, typer.Option(help="Inference config NAME:VERSION. Else the one it has.")] = None,
    entry_script: code_options.EntryScript = None,
    source_dir: code_options.SourceDir = None,
    requirements: code_options.Requirements = None,
    environment: code_options.EnvironmentName = "",
    python_version: code_options.PythonVersion = "",
    inference_config: code_options.InferenceConfig = None,
    deployment_config: Annotated[
        Path | None,
        typer.Option("--deployment-config", "--dc", help="deploymentconfig.json, or YAML; in place of all options."),
    ] = None,
    server: Annotated[str, typer.Option(help="Other options of the scoring server: JSON, or @file.")] = "",
    description: Annotated[str, typer.Option("--description", "-d", help="What it is for.")] = "",
    reason: Annotated[str, typer.Option(help="Why, for the activity list.")] = "",
    label: Annotated[str, typer.Option("--label", "--vn", help="A name of the revision, for x-slipway-revision.")] = "",
    traffic: code_options.Traffic = None,
    wait: Wait = False,
    timeout: Timeout = 900,
    *,
    limits: dict[str, Any],
) -> None:
    """Give a service a new revision; what is not named stays as it is.

    The new revision starts beside the one that answers and takes over once it has proved itself. One that fails leaves
    the old one answering; with --wait the command then ends with 1 and says why. With --traffic it runs beside the
    others and gets that share of the requests that come through the front, 0 for none yet.
    """
    limits = deploying.options(limits, server, deployment_config)
    source = deploying.Code(
        config=config,
        entry_script=entry_script,
        source_dir=source_dir,
        requirements=requirements,
        environment=environment,
        inference_file=inference_config,
        python_version=python_version,
    ).source()
    with open_client() as client:
        kept = client.service(name)
        if source:
            config = deploying.make_config(client, name, source)
        if deployment_config is None:
            limits = deploying.changed(kept.get("deployment_config") or {}, limits)
        facts = given(description=description, reason=reason, label=label) | (
            {} if traffic is None else {"traffic": traffic}
        )
        service = client.deploy(
            name,
            model or kept["models"],
            config=config or kept.get("config"),
            target=kept.get("target"),
            deployment_config=limits,
            overwrite=True,
            **facts,
        )
        deploying.print_warnings(service)
        if traffic is None:
            output.note(f"Updating {name} to revision {service['revision']}.")
            service = deploying.wait_healthy(client, name, timeout) if wait else service
        else:
            deploying.wait_beside(client, service, timeout if wait else None)
    output.result(service, lambda: deploying.show(service))


def rollback(
    name: ServiceName,
    to: Annotated[
        int | None, typer.Option(help="Number of the revision; see slipway service revisions.", min=1)
    ] = None,
    wait: Wait = False,
    timeout: Timeout = 900,
) -> None:
    """Have an earlier revision of a service answer again, or end an update.

    Without --to: while an update is under way or has failed, the revision that answers; else the one that answered
    before it. `slipway service revisions NAME` shows which can be rolled back to.
    """
    with open_client() as client:
        service = client.rollback(name, to)
        number = service["revision"]
        if wait:
            service = deploying.wait_healthy(client, name, timeout)
    sentence = f"{name} answers with revision {number}." if wait else f"Rolling {name} back to revision {number}."
    output.done(service, sentence)


def list_(name: ServiceName) -> None:
    """List the revisions of a service, newest first."""
    with open_client() as client:
        rows = list(client.revisions(name))
    output.rows(rows, COLUMNS, cut=("models",))
