"""`slipway model`: register, deploy, list, show, update, inspect, convert, optimise, download, delete."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from slipway import folders, output, progress, wording
from slipway.columns import Column
from slipway.commands import azure_deploy, completion, converting, packaging, profiling
from slipway.commands.model_metadata import origin_of, with_origin, write
from slipway.commands.nouns import Noun
from slipway.commands.options import (
    Limit,
    Overwrite,
    Reference,
    Timeout,
    Wait,
    Yes,
    confirm,
    first,
    given,
    key_values,
    open_client,
)
from slipway.errors import Interrupted, Misuse, Unreachable

if TYPE_CHECKING:
    from slipway.client import Client
    from slipway.types import Version

app = Noun(help="Models: register versions, find them, fetch them.")
CONTINUE = "Run it again to go on."
PATH_HELP = (
    "A file or folder; may be repeated. A folder keeps its name: a script finds its files under AZUREML_MODEL_DIR both "
    "as FOLDER/FILE and as FILE. Of several paths each folder's files are FOLDER/FILE only."
)
State = Literal["uploaded", "ready", "rejected", "damaged"]
COLUMNS = (
    Column("name", "name"),
    Column("version", lambda row: _match(row).get("version")),
    Column("framework", lambda row: _match(row).get("framework")),
    Column("state", lambda row: _match(row).get("state")),
    Column("tags", lambda row: wording.pairs(_match(row).get("tags", {}))),
    Column("services", lambda row: _match(row).get("services")),
)


@app.verb(
    "slipway model register -n iris -p samples/iris/model.onnx --tag area=demo --wait",
    "slipway model register -n wine -p model/ -p README.md --property accuracy=0.97",
)
def register(  # noqa: PLR0913, PLR0917 - a parameter for each option
    name: Annotated[
        str,
        typer.Option(
            "--name",
            "-n",
            help="Name of the model; the version is given by the studio.",
            autocompletion=completion.models,
        ),
    ],
    path: Annotated[list[Path] | None, typer.Option("--path", "--model-path", "-p", help=PATH_HELP)] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="A tag; may be repeated.")] = None,
    property: Annotated[
        list[str] | None, typer.Option("--property", metavar="KEY=VALUE", help="A property; it never changes.")
    ] = None,
    description: Annotated[str, typer.Option("--description", "-d", help="Markdown.")] = "",
    framework: Annotated[
        str, typer.Option("--framework", "--model-framework", help="onnx, scikit-learn, … (default: found inside).")
    ] = "",
    framework_version: Annotated[
        str, typer.Option("--framework-version", "--model-framework-version", help="Such as 1.9.1.")
    ] = "",
    cpu: Annotated[float | None, typer.Option("--cpu", "--cpu-cores", "--cc", help="Cores that it asks for.")] = None,
    memory_gb: Annotated[
        float | None, typer.Option("--memory-gb", "--memory", "--gb", help="Memory in GB that it asks for.")
    ] = None,
    gpu: Annotated[int | None, typer.Option("--gpu", "--gpu-cores", "--gc", help="GPUs that it asks for.")] = None,
    run_id: Annotated[str, typer.Option("--run-id", "-r", help="Of the training run; kept as a property.")] = "",
    experiment_name: Annotated[
        str, typer.Option("--experiment-name", help="Of the training run; kept as a property.")
    ] = "",
    asset_path: Annotated[
        str, typer.Option("--asset-path", help="Place among the run's outputs; kept as a property.")
    ] = "",
    run_metadata_file: Annotated[
        Path | None, typer.Option("--run-metadata-file", "-f", help="JSON with run_id and experiment_name.")
    ] = None,
    output_metadata_file: Annotated[
        Path | None, typer.Option("--output-metadata-file", "-t", help="Where to write what was registered, as JSON.")
    ] = None,
    unpack: Annotated[bool, typer.Option("--unpack", help="Unpack the zip and tar archives given.")] = False,
    wait: Wait = False,
    timeout: Timeout = 300,
) -> None:
    """Register files as the next version of a model."""
    if not path:
        raise _no_path(asset_path)
    origin = origin_of(run_metadata_file, run_id=run_id, experiment_name=experiment_name, asset_path=asset_path)
    facts = given(
        tags=key_values(tag, "Tag"),
        properties=with_origin(key_values(property, "Property"), origin),
        description=description,
        framework=framework,
        framework_version=framework_version,
        resources=given(cpu=cpu, memory_gb=memory_gb, gpu=gpu),
        unpack=unpack or None,
    )
    with open_client() as client:
        version = _upload(client, name, path, facts)
        output.note(f"Registered {version['id']}.")
        if wait:
            version = _wait_inspected(client, version["id"], timeout)
    if output_metadata_file:
        write(output_metadata_file, version)
    output.result(version, lambda: _show(version))


app.verb(
    "slipway model deploy -n iris -m iris:1 --ic inferenceconfig.json --dc deploymentconfig.json",
    "slipway model deploy -n iris -m iris:1 --cc 2 --gb 1 --no-wait",
)(azure_deploy.deploy)


@app.verb(
    "slipway model list --filter 'area=vision,stage!=draft'",
    "slipway model list --tag area=demo --state ready",
    "slipway model list --query '[].name' -o tsv",
    name="list",
)
def list_(
    filter: Annotated[str, typer.Option("--filter", help="Such as area=vision,stage!=draft or free words.")] = "",
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="KEY=VALUE", help="A tag; may be repeated, all must match."),
    ] = None,
    model_name: Annotated[
        str,
        typer.Option("--model-name", "-n", help="The model of this name.", autocompletion=completion.models),
    ] = "",
    state: Annotated[State | None, typer.Option("--state", case_sensitive=False, help="Those in this state.")] = None,
    framework: Annotated[str, typer.Option("--framework", help="Those of this framework, such as onnx.")] = "",
    sort: Annotated[str, typer.Option(help="name, updated or created; with '-' the other way round.")] = "",
    limit: Limit = 100,
) -> None:
    """List models, the newest first, each with its newest version that the filter finds."""
    tags = key_values(tag, "Tag")
    facts = {"name": model_name, "state": state or "", "framework": framework}
    with open_client() as client:
        rows = first(client.models(filter, sort, tags=tags, **facts), limit)
    output.rows(rows, COLUMNS, cut=("tags", "framework", "services"), empty="There are no such models.")


@app.verb("slipway model show iris", "slipway model show iris:1 -o yaml")
def show(reference: Reference) -> None:
    """Show a version: its files, tags, signature and services."""
    with open_client() as client:
        version = client.version(reference)
    output.result(version, lambda: _show(version))


@app.verb(
    "slipway model update iris:1 --tag stage=production --remove-tag draft",
    "slipway model update iris:1 --description 'Trained on the whole of 2026.'",
    "slipway model update iris:latest --property accuracy=0.97",
)
def update(
    reference: Reference,
    add_tag: Annotated[
        list[str] | None,
        typer.Option("--tag", "--add-tag", metavar="KEY=VALUE", help="Add a tag or change it; may be repeated."),
    ] = None,
    remove_tag: Annotated[
        list[str] | None, typer.Option("--remove-tag", metavar="KEY", help="Remove a tag; may be repeated.")
    ] = None,
    add_property: Annotated[
        list[str] | None,
        typer.Option(
            "--property", "--add-property", metavar="KEY=VALUE", help="Add a property; it cannot be changed later."
        ),
    ] = None,
    description: Annotated[
        str | None, typer.Option("--description", "-d", help="Replace the description; Markdown.")
    ] = None,
) -> None:
    """Change tags and description of a version, and add properties."""
    _must_name_version(reference)
    add, properties = key_values(add_tag, "Tag"), key_values(add_property, "Property")
    if not (add or remove_tag or properties or description is not None):
        raise Misuse("There is nothing to change.", hint="Add --tag, --remove-tag, --property or --description.")
    with open_client() as client:
        version = client.update_version(
            reference,
            add_tags=add,
            remove_tags=remove_tag or (),
            add_properties=properties,
            description=description,
        )
    output.result(version, lambda: _show(version))


@app.verb("slipway model inspect iris:1 --wait")
def inspect(reference: Reference, wait: Wait = False, timeout: Timeout = 300) -> None:
    """Have a rejected or damaged version inspected once more."""
    with open_client() as client:
        version = client.inspect_version(reference)
        if wait:
            version = _wait_inspected(client, version["id"], timeout)
    output.result(version, lambda: _show(version))


@app.verb("slipway model download iris:1 -t models/iris", "slipway model download iris:latest -t . --overwrite")
def download(
    reference: Reference,
    target_dir: Annotated[Path, typer.Option("--target-dir", "-t", help="Folder to write to; made if needed.")],
    overwrite: Overwrite = False,
) -> None:
    """Download all files of a version, checked by SHA-256."""
    with open_client() as client:
        version = client.version(reference)
        with progress.bar("Downloading", version["size"]) as moved:
            files = client.download(version["id"], target_dir, overwrite=overwrite, progress=moved)
    names = [str(file) for file in files]
    output.done({"id": version["id"], "files": names}, "\n".join(names))


@app.verb("slipway model delete iris:1", "slipway model delete iris:1 --yes")
def delete(reference: Reference, yes: Yes = False) -> None:
    """Delete a version; refused while a service uses it."""
    _must_name_version(reference)
    confirm(f"Delete {reference} and its files?", yes)
    with open_client() as client:
        client.delete_version(reference)
    output.done({"deleted": reference}, f"Deleted {reference}.")


def _must_name_version(reference: str) -> None:
    if ":" not in reference:
        raise Misuse(f"'{reference}' names no version.", hint=f"Write {reference}:1, or {reference}:latest.")


def _wait_inspected(client: "Client", reference: str, timeout: float) -> "Version":
    with progress.spinner(f"Inspecting {reference}") as report:
        report("…")
        return client.wait_for_version(reference, timeout)


def _no_path(asset_path: str) -> Misuse:
    if asset_path:
        return Misuse(
            f"--asset-path {asset_path} lies among the outputs of a run, and the studio keeps no runs yet.",
            hint="Give the file itself: --path FILE. Run and asset path are then kept as properties of the version.",
        )
    return Misuse("Say which file or folder is registered: --path FILE.")


def _upload(client: "Client", name: str, paths: list[Path], facts: dict[str, Any]) -> "Version":
    """Send and register, with a bar; says how to go on where that is interrupted."""
    total, sent = folders.select(paths).size, 0
    with progress.bar("Uploading", total) as bar:

        def move(count: int) -> None:
            nonlocal sent
            sent += count
            if bar:
                bar(count)

        try:
            return client.register_model(name, list(paths), progress=move, resume=True, **facts)
        except KeyboardInterrupt:
            raise Interrupted(f"Interrupted at {wording.part_of(sent, total)}. {CONTINUE}") from None
        except Unreachable as reason:
            where = f"{wording.part_of(sent, total)} have arrived"
            raise Unreachable(f"{reason.message.rstrip('.')}; {where}.", hint=CONTINUE) from reason


def _match(row: Any) -> dict[str, Any]:
    """The version of a listed model that the filter has found."""
    return row["match"] or {}


def _show(version: "Version") -> None:
    rejection = version.get("rejection") or {}
    output.facts(
        {
            "version": version["id"],
            "state": version["state"],
            "why": rejection.get("message"),
            "next step": rejection.get("hint"),
            "framework": f"{version['framework']} {version['framework_version']}".strip(),
            "description": version["description"],
            "tags": wording.pairs(version["tags"]),
            "properties": wording.pairs(version["properties"]),
            "inputs": _tensors(version, "inputs"),
            "outputs": _tensors(version, "outputs"),
            "services": ", ".join(version["services"]),
            "folder": version.get("folder") and f"{version['folder']}/",
            "registered": f"{wording.when(version['created_at'])} by {version['created_by']}",
            "files": f"{len(version['files'])}, {wording.size(version['size'])}",
        }
    )
    for file in version["files"]:
        damaged = "  damaged" if file.get("damaged") else ""
        print(f"  {file['path']}  {wording.size(file['size'])}  {file['sha256']}{damaged}")
    for warning in version.get("facts", {}).get("warnings", []):
        output.note(f"Warning: {warning}")


app.verb(
    "slipway model package -n iris -v 1 --output-path iris-package",
    "slipway model package -n iris -v 1",
    "slipway model package --service iris --revision 3 --output-path iris-package --offline",
    name="package",
)(packaging.package)
app.verb(
    "slipway model profile iris:1 --latency-ms 20 --rate 500 --wait",
    "slipway model profile -m iris:1 -n first -d '{\"data\": [[5.1, 3.5, 1.4, 0.2]]}' -t profile.json",
    name="profile",
)(profiling.profile_model)
app.verb(
    "slipway model convert wine:1 --wait",
    "slipway model convert wine:1 --rows wine.csv --label class --wait --json",
    name="convert",
)(converting.convert)
app.verb(
    "slipway model optimise resnet:3 --rows calibration.json --variant int8-static --wait",
    name="optimise",
)(converting.optimise)


def _tensors(version: "Version", side: str) -> str:
    tensors = (version.get("signature") or {}).get(side, [])
    return ", ".join(
        f"{tensor['name']} {tensor['datatype']}{tensor['shape']}{' optional' * tensor.get('optional', False)}"
        for tensor in tensors
    )
