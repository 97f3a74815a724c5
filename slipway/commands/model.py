"""`slipway model`: register, list, show, download, delete."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slipway import folders, output, wording
from slipway.commands.options import Json, Reference, Timeout, Wait, Yes, confirm, given, key_values, open_client
from slipway.errors import Interrupted, Misuse, Unreachable

if TYPE_CHECKING:
    from slipway.client import Client
    from slipway.types import Version

app = typer.Typer(help="Models: register versions, find them, fetch them.", no_args_is_help=True)
GO_ON = "Run the same command again: what has arrived is not sent again."
PATH_HELP = (
    "A file or folder; may be repeated. A folder keeps its name: a script finds its files under AZUREML_MODEL_DIR both "
    "as FOLDER/FILE and as FILE. Of several paths each folder's files are FOLDER/FILE only."
)


@app.command()
def register(  # noqa: PLR0913, PLR0917 - a parameter for each option
    name: Annotated[str, typer.Option("--name", "-n", help="Name of the model; the version is given by the studio.")],
    path: Annotated[list[Path], typer.Option("--path", "-p", help=PATH_HELP)],
    tag: Annotated[list[str] | None, typer.Option("--tag", help="key=value; may be repeated.")] = None,
    property: Annotated[list[str] | None, typer.Option("--property", help="key=value; never changes.")] = None,
    description: Annotated[str, typer.Option("--description", "-d", help="Markdown.")] = "",
    framework: Annotated[str, typer.Option(help="onnx, scikit-learn, … (default: found by looking inside).")] = "",
    framework_version: Annotated[str, typer.Option(help="Such as 1.9.1.")] = "",
    unpack: Annotated[bool, typer.Option("--unpack", help="Unpack the zip and tar archives given.")] = False,
    wait: Wait = False,
    timeout: Timeout = 300,
    as_json: Json = False,
) -> None:
    """Register files as the next version of a model."""
    facts = given(
        tags=key_values(tag, "Tag"),
        properties=key_values(property, "Property"),
        description=description,
        framework=framework,
        framework_version=framework_version,
        unpack=unpack or None,
    )
    with open_client() as client:
        version = _upload(client, name, path, facts)
        output.note(f"Registered {version['id']}.")
        if wait:
            with output.spinner(f"Inspecting {version['id']}") as tell:
                tell("…")
                version = client.wait_for_version(version["id"], timeout)
    output.Output(as_json).result(version, lambda: _show(version))


@app.command("list")
def list_(
    filter: Annotated[str, typer.Option("--filter", help="Such as area=vision,stage!=draft or free words.")] = "",
    tag: Annotated[list[str] | None, typer.Option("--tag", help="key=value; may be repeated, all must match.")] = None,
    sort: Annotated[str, typer.Option(help="name, updated or created; with '-' the other way round.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Models to list at most.")] = 100,
    as_json: Json = False,
) -> None:
    """List models, the newest first, each with its newest version that the filter finds."""
    tags = key_values(tag, "Tag")
    with open_client() as client:
        found = list(islice(client.models(filter, sort, tags=tags), limit + 1))
    if len(found) > limit:
        output.note(f"Only the first {limit} are listed; ask for more with --limit.")
    rows = found[:limit]
    output.Output(as_json).result(
        rows,
        lambda: output.table(
            ["name", "version", "framework", "state", "tags", "services"],
            [_row(row["name"], row["match"]) for row in rows],
            may_be_cut={"tags"},
        ),
    )


@app.command()
def show(reference: Reference, as_json: Json = False) -> None:
    """Show a version: its files, tags, signature and services."""
    with open_client() as client:
        version = client.version(reference)
    output.Output(as_json).result(version, lambda: _show(version))


@app.command()
def download(
    reference: Reference,
    target_dir: Annotated[Path, typer.Option("--target-dir", "-t", help="Folder to write to; made if needed.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    as_json: Json = False,
) -> None:
    """Download all files of a version, checked by SHA-256."""
    with open_client() as client:
        version = client.version(reference)
        with output.bar("Downloading", version["size"]) as moved:
            files = client.download(version["id"], target_dir, overwrite=overwrite, progress=moved)
    names = [str(file) for file in files]
    output.Output(as_json).done({"id": version["id"], "files": names}, "\n".join(names))


@app.command()
def delete(reference: Reference, yes: Yes = False, as_json: Json = False) -> None:
    """Delete a version; refused while a service uses it."""
    if ":" not in reference:
        raise Misuse(f"'{reference}' names no version.", hint=f"Write {reference}:1, or {reference}:latest.")
    confirm(f"Delete {reference} and its files?", yes)
    with open_client() as client:
        client.delete_version(reference)
    output.Output(as_json).done({"deleted": reference}, f"Deleted {reference}.")


def _upload(client: "Client", name: str, paths: list[Path], facts: dict[str, Any]) -> "Version":
    """Send and register, with a bar; says how to go on where that is interrupted."""
    total, sent = folders.select(paths).size, 0
    with output.bar("Uploading", total) as bar:

        def move(count: int) -> None:
            nonlocal sent
            sent += count
            if bar:
                bar(count)

        try:
            return client.register_model(name, list(paths), progress=move, resume=True, **facts)
        except KeyboardInterrupt:
            raise Interrupted(f"Interrupted at {_of(sent, total)}.", hint=GO_ON) from None
        except Unreachable as reason:
            raise Unreachable(f"{reason.message.rstrip('.')}; {_of(sent, total)} have arrived.", hint=GO_ON) from reason


def _of(sent: int, total: int) -> str:
    return f"{wording.size(sent)} of {wording.size(total)}"


def _row(name: str, found: "Version | None") -> list[Any]:
    if found is None:
        return [name, "", "", "", "", ""]
    services = ", ".join(found.get("services", []))
    return [name, found["version"], found["framework"], found["state"], wording.pairs(found["tags"]), services]


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
        print(f"  {file['path']}  {wording.size(file['size'])}  {file['sha256']}")
    for warning in version.get("facts", {}).get("warnings", []):
        output.note(f"Warning: {warning}")


def _tensors(version: "Version", side: str) -> str:
    tensors = (version.get("signature") or {}).get(side, [])
    return ", ".join(
        f"{tensor['name']} {tensor['datatype']}{tensor['shape']}{' optional' * tensor.get('optional', False)}"
        for tensor in tensors
    )
