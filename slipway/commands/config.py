"""`slipway config`: list, show, create, update, download, delete inference configs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slipway import output, progress, wording
from slipway.columns import Column, time_column
from slipway.commands import code_options, completion, inference_files
from slipway.commands.nouns import Noun
from slipway.commands.options import Limit, Overwrite, Yes, confirm, first, open_client
from slipway.commands.sources import Script
from slipway.defaults import RUNTIME
from slipway.errors import Misuse

if TYPE_CHECKING:
    from slipway.types import Config

app = Noun(help="Inference configs: entry scripts and their files.")

Reference = Annotated[
    str,
    typer.Argument(
        metavar="NAME:VERSION",
        help="An inference config, such as wine:1 or wine:latest.",
        autocompletion=completion.configs,
    ),
]
SourceDir = Annotated[Path | None, typer.Option("--source-dir", help="Folder with the script and what it imports.")]
Description = Annotated[str | None, typer.Option("--description", "-d", help="What it is for.")]
EnvironmentName = Annotated[
    str,
    typer.Option(
        "--environment",
        "-e",
        metavar="NAME:VERSION",
        help="Environment to run in.",
        autocompletion=completion.environments,
    ),
]
COLUMNS = (
    Column("config", "id"),
    Column("entry script", lambda row: row["entry_script"] or "none"),
    Column("environment", "environment"),
    Column("files", lambda row: len(row["files"])),
    time_column("created", "created_at"),
)


@app.verb("slipway config list", "slipway config list --query '[].id' -o tsv", name="list")
def list_(limit: Limit = 100) -> None:
    """List the inference configs of the workspace, every version of each."""
    with open_client() as client:
        rows = first(client.configs.all(), limit)
    output.rows(rows, COLUMNS, empty="There are no inference configs.")


@app.verb("slipway config show wine:1", "slipway config show wine:latest -o yaml")
def show(reference: Reference) -> None:
    """Show an inference config: its entry script, environment and files."""
    with open_client() as client:
        found = client.configs.show(reference)
    output.result(found, lambda: _show(found))


@app.verb(
    "slipway config create -n wine --entry-script score.py --environment wine:1",
    "slipway config create -n wine --entry-script score.py --source-dir src",
    "slipway config create -n wine --file inferenceconfig.json --source-dir src",
)
def create(
    name: Annotated[str, typer.Option("--name", "-n", help="Its name; the version is given by the studio.")],
    entry_script: Annotated[str | None, typer.Option("--entry-script", help="A script with init() and run().")] = None,
    source_dir: SourceDir = None,
    environment: EnvironmentName = "",
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", "-f", help="An inferenceconfig.json, or YAML, whose environment is created if it describes one."
        ),
    ] = None,
    python_version: code_options.PythonVersion = "",
    description: Description = None,
) -> None:
    """Create the next version of an inference config. The script is read, never run; a mistake is shown with its line.

    Without --environment the script runs in the studio's own, which has NumPy and ONNX Runtime and needs no build.
    """
    if (entry_script is None) == (file is None) or (file and environment) or (python_version and not file):
        raise Misuse(
            "Give one of --entry-script and --file; --environment goes with --entry-script, --python with --file."
        )
    with open_client() as client:
        if file:
            imported = inference_files.load(file, python_version=python_version, source_dir=source_dir)
            found = inference_files.make_config(client, name, imported, description or "")
        else:
            script = Script(str(entry_script), source_dir)
            found = client.configs.create(
                name, script.entry, script.files(), environment or RUNTIME, description=description or ""
            )
    output.result(found, lambda: _show(found))


@app.verb(
    "slipway config update wine --environment wine:2",
    "slipway config update wine:1 --entry-script score.py --source-dir src",
)
def update(
    reference: Reference,
    entry_script: Annotated[
        str, typer.Option("--entry-script", help="Another entry script; its files take the place of all files.")
    ] = "",
    source_dir: SourceDir = None,
    environment: EnvironmentName = "",
    description: Description = None,
) -> None:
    """Create the next version of an inference config, which keeps what is not named."""
    if not (entry_script or source_dir or environment or description is not None):
        raise Misuse(
            "There is nothing to change.", hint="Add --entry-script, --source-dir, --environment or --description."
        )
    with open_client() as client:
        entry = entry_script or client.configs.show(reference)["entry_script"]
        script = Script(entry, source_dir) if entry_script or source_dir else None
        found = client.configs.update(
            reference,
            files=script.files() if script else None,
            entry_script=script.entry if script else "",
            environment=environment,
            description=description,
        )
    output.result(found, lambda: _show(found))


@app.verb("slipway config download wine:1 -t wine", "slipway config download wine:latest -t . --overwrite")
def download(
    reference: Reference,
    target_dir: Annotated[Path, typer.Option("--target-dir", "-t", help="Folder to write to; made if needed.")],
    overwrite: Overwrite = False,
) -> None:
    """Download the files of an inference config and an inferenceconfig.json, which `create --file` reads back."""
    with open_client() as client:
        found = client.configs.show(reference)
        total = sum(file["size"] for file in found["files"])
        with progress.bar("Downloading", total) as moved:
            files = client.configs.download(found["id"], target_dir, overwrite=overwrite, progress=moved)
    names = [str(file) for file in files]
    output.done({"id": found["id"], "files": names}, "\n".join(names))


@app.verb("slipway config delete wine:1", "slipway config delete wine:1 --yes")
def delete(reference: Reference, yes: Yes = False) -> None:
    """Delete a version of an inference config; refused while a revision of a service uses it."""
    if ":" not in reference:
        raise Misuse(f"'{reference}' names no version.", hint=f"Write {reference}:1, or {reference}:latest.")
    confirm(f"Delete the inference config {reference} and its files?", yes)
    with open_client() as client:
        client.configs.delete(reference)
    output.done({"deleted": reference}, f"Deleted {reference}.")


def _show(found: "Config") -> None:
    facts: dict[str, Any] = {
        "config": found["id"],
        "entry script": found["entry_script"] or "none: the model is served without code",
        "environment": found["environment"],
        "description": found["description"],
        "created": f"{wording.when(found['created_at'])} by {found['created_by'] or 'Slipway'}",
    }
    output.facts(facts)
    for file in found["files"]:
        print(f"  {file['path']}  {wording.size(file['size'])}  {file['sha256']}")
