"""`slipway environment`: list, show, create, clone, logs, download, delete."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slipway import output, text_files, wording
from slipway.columns import Column, time_column
from slipway.commands import completion
from slipway.commands.nouns import Noun
from slipway.commands.options import Limit, Overwrite, Yes, confirm, first, key_values, open_client
from slipway.errors import Misuse

if TYPE_CHECKING:
    from slipway.types import Environment, FurtherDefinition

app = Noun(help="Environments: what entry scripts run in.")

Reference = Annotated[
    str,
    typer.Argument(
        metavar="NAME:VERSION",
        help="An environment, such as wine:1 or wine:latest.",
        autocompletion=completion.environments,
    ),
]
COLUMNS = (
    Column("environment", "id"),
    Column("python", "python_version"),
    Column("state", "state"),
    Column("requirements", "requirements"),
    time_column("created", "created_at"),
)


@app.verb("slipway environment list", "slipway environment list --query '[].id' -o tsv", name="list")
def list_(limit: Limit = 100) -> None:
    """List the environments of the workspace, every version of each."""
    with open_client() as client:
        rows = first(client.environments.all(), limit)
    output.rows(rows, COLUMNS, cut=("requirements",), empty="There are no environments.")


@app.verb("slipway environment show wine:1", "slipway environment show wine --query lock -o tsv")
def show(reference: Reference) -> None:
    """Show an environment: its Python, what it asks for, and whether it is built."""
    with open_client() as client:
        found = client.environments.show(reference)
    output.result(found, lambda: _show(found))


@app.verb(
    "slipway environment create -n wine --requirements requirements.txt",
    "slipway environment create -n wine --conda conda.yml",
    "slipway environment create -n wine --file wine.yaml",
    "slipway environment create -n wine -r requirements.txt --image python:3.12-slim --docker-steps steps.txt",
)
def create(  # noqa: PLR0913, PLR0917 - one flag for each thing that people may say about an environment
    name: Annotated[str, typer.Option("--name", "-n", help="Its name; the version is given by the studio.")],
    requirements: Annotated[Path | None, typer.Option("--requirements", "-r", help="A requirements file.")] = None,
    conda: Annotated[Path | None, typer.Option("--conda", help="A conda file with a pip section.")] = None,
    python_version: Annotated[
        str, typer.Option("--python", metavar="VERSION", help="Such as 3.12. By default that of the studio.")
    ] = "",
    image: Annotated[
        str, typer.Option("--image", metavar="IMAGE", help="Base of images, in place of the studio's own.")
    ] = "",
    dockerfile: Annotated[
        Path | None, typer.Option("--dockerfile", help="A Dockerfile that builds the base of images.")
    ] = None,
    docker_steps: Annotated[
        Path | None, typer.Option("--docker-steps", help="A file with steps on top of the base, such as RUN …")
    ] = None,
    env: Annotated[
        list[str] | None, typer.Option("--env", metavar="NAME=VALUE", help="A variable of services; may be repeated.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="The whole definition: YAML, conda's, or an azureml_environment.json."),
    ] = None,
    wheel: Annotated[
        list[Path] | None, typer.Option("--wheel", metavar="FILE", help="A private wheel; may be repeated.")
    ] = None,
    base: Annotated[
        str, typer.Option("--base", metavar="NAME:VERSION", help="What is not given is as in this environment.")
    ] = "",
    description: Annotated[str, typer.Option("--description", help="What it is for.")] = "",
) -> None:
    """Create the next version of an environment; the first deployment that needs it builds it.

    Where the newest version is the same already, that is the result.
    """
    if file:
        if requirements or conda or image or dockerfile or docker_steps or env or description or python_version:
            raise Misuse("The file has the whole definition: leave out all other options but --wheel and --base.")
        with open_client() as client:
            made = client.environments.create(name, definition=text_files.read(file), wheels=wheel or (), base=base)
        output.result(made, lambda: _show(made))
        return
    if (requirements and conda) or not (requirements or conda or image or dockerfile or wheel or base):
        raise Misuse("Give one of --requirements and --conda, or --image, --dockerfile, --wheel or --base.")
    lines = text_files.read(requirements).split("\n") if requirements else None
    text = text_files.read(conda) if conda else ""
    further: FurtherDefinition = {
        "base": base,
        "description": description,
        "variables": key_values(env, "The variable"),
        "base_image": image,
        "dockerfile": text_files.read(dockerfile) if dockerfile else "",
        "docker_steps": text_files.read(docker_steps).split("\n") if docker_steps else [],
    }
    with open_client() as client:
        found = client.environments.create(
            name, lines, conda=text, python_version=python_version, wheels=wheel or (), **further
        )
    output.result(found, lambda: _show(found))


@app.verb("slipway environment clone slipway-sklearn -n wine")
def clone(
    reference: Reference,
    name: Annotated[str, typer.Option("--name", "-n", help="Name of the copy.")],
) -> None:
    """Copy an environment, with its private wheels, to another name, where it can be changed."""
    with open_client() as client:
        found = client.environments.clone(reference, name)
    output.result(found, lambda: _show(found))


@app.verb("slipway environment logs wine:1")
def logs(reference: Reference) -> None:
    """Print the end of the log of the newest attempt to build an environment."""
    with open_client() as client:
        text = client.environments.log(reference)
    output.result({"text": text}, lambda: print(text, end=""))
    if not text:
        output.note(f"{reference} has not been built; the first deployment that needs it does that.")


@app.verb(
    "slipway environment download wine:1 -t wine",
    "slipway environment download wine:1 -t . --overwrite",
)
def download(
    reference: Reference,
    target_dir: Annotated[Path, typer.Option("--target-dir", "-t", help="Folder to write to; made if needed.")],
    overwrite: Overwrite = False,
) -> None:
    """Write requirements.txt, conda.yml and, once it is resolved, requirements.lock with exact versions and hashes."""
    with open_client() as client:
        names = [str(file) for file in client.environments.download(reference, target_dir, overwrite=overwrite)]
    output.done({"id": reference, "files": names}, "\n".join(names))


@app.verb("slipway environment delete wine:1", "slipway environment delete wine:1 --yes")
def delete(reference: Reference, yes: Yes = False) -> None:
    """Delete a version of an environment; refused while an inference config uses it."""
    if ":" not in reference:
        raise Misuse(f"'{reference}' names no version.", hint=f"Write {reference}:1, or {reference}:latest.")
    confirm(f"Delete the environment {reference}?", yes)
    with open_client() as client:
        client.environments.delete(reference)
    output.done({"deleted": reference}, f"Deleted {reference}.")


def _show(found: "Environment") -> None:
    steps = found["docker_steps"]
    facts: dict[str, Any] = {
        "environment": found["id"],
        "description": found["description"],
        "python": found["python_version"],
        "base": "a Dockerfile of its own" if found["dockerfile"] else found["base_image"],
        "steps": f"{len(steps)} on top of the base" if steps else "",
        "conda": ", ".join(found["conda"].get("dependencies", [])),
        "variables": ", ".join(found["variables"]),
        "wheels": ", ".join(found["wheels"]),
        "state": found["state"],
        "created": f"{wording.when(found['created_at'])} by {found['created_by'] or 'Slipway'}",
    }
    output.facts(facts)
    for requirement in found["requirements"]:
        print(f"  {requirement}")
    for warning in found["warnings"]:
        output.note(f"Warning: {warning}")
