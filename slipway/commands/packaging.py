"""`slipway model package`: a version or a revision for machines without a studio."""

import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slipway import output, progress
from slipway.commands import completion
from slipway.commands.options import Overwrite, Timeout, open_client
from slipway.errors import AlreadyThere, Misuse

if TYPE_CHECKING:
    from slipway.client import Client
    from slipway.types import Package


def package(  # noqa: PLR0913, PLR0917 - a parameter for each option
    name: Annotated[
        str, typer.Option("--name", "-n", help="Name of the model.", autocompletion=completion.models)
    ] = "",
    version: Annotated[int | None, typer.Option("--version", "-v", help="Left out: the newest.", min=1)] = None,
    model: Annotated[
        str, typer.Option("--model", "-m", metavar="NAME:VERSION", help="The same in one, as Azure's --model.")
    ] = "",
    config: Annotated[
        str, typer.Option("--config", "--ic", metavar="NAME:VERSION", help="Inference config; left out: no code.")
    ] = "",
    service: Annotated[
        str, typer.Option("--service", help="Instead: a service.", autocompletion=completion.services)
    ] = "",
    revision: Annotated[
        int | None, typer.Option("--revision", help="Of the service; left out: the wanted.", min=1)
    ] = None,
    output_path: Annotated[
        Path | None,
        typer.Option("--output-path", metavar="DIR", help="Write a Docker context to this folder; left out: an image."),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="With the files of all packages in the context.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait until it is made.")] = False,
    overwrite: Overwrite = False,
    timeout: Timeout = 900,
) -> None:
    """Pack a version or a revision as an image, or as a Docker context that builds one."""
    asked = _asked(name, version, model, config, service, revision)
    asked |= {"form": "context" if output_path else "image", "offline": offline}
    if output_path and output_path.is_dir() and any(output_path.iterdir()) and not overwrite:
        raise AlreadyThere(f"{output_path} is not empty.", hint="Name a new folder, or say --overwrite.")
    with open_client() as client:
        made = client.packages.create(**asked)
        if no_wait:
            output.done(dict(made), f"Package {made['id']} of {made['subject']} is being made.")
            return
        with progress.spinner(made["subject"]) as report:
            made = client.packages.wait(made, timeout=timeout, on_look=lambda found: report(found["step"]))
        if output_path is None:
            output.done(dict(made), f"Made the image {made['image']} of {made['subject']}.")
            return
        _unpack(client, made, output_path)
    document = {"folder": str(output_path), "subject": made["subject"], "sha256": made["sha256"]}
    output.done(document, f"Wrote {output_path}: docker build --tag {Path(made['filename']).stem} {output_path}")


def _asked(
    name: str, version: int | None, model: str, config: str, service: str, revision: int | None
) -> dict[str, Any]:
    reference = model or (f"{name}:{version or 'latest'}" if name else "")
    if bool(reference) == bool(service):
        raise Misuse("Name a model with --name and --version, or a service with --service.")
    found: dict[str, Any] = {"model": reference, "config": config, "service": service, "revision": revision}
    return {key: value for key, value in found.items() if value}


def _unpack(client: "Client", made: "Package", folder: Path) -> None:
    """The context without its outermost folder."""
    with TemporaryDirectory() as temporary:
        place = client.packages.download(made, Path(temporary) / "package.tar.gz")
        with tarfile.open(place) as archive:
            for member in archive:
                inside = Path(member.name)
                if len(inside.parts) > 1 and member.isfile():
                    member.name = str(Path(*inside.parts[1:]))
                    archive.extract(member, folder, filter="data")
