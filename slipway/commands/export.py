"""`slipway service export`: a revision as one file that starts on a device."""

from pathlib import Path
from typing import Annotated

import typer

from slipway import output, progress
from slipway.commands.options import Overwrite, ServiceName, Timeout, open_client
from slipway.errors import Misuse


def export(
    name: ServiceName,
    revision: Annotated[int | None, typer.Option(help="Its number; left out: the wanted one.", min=1)] = None,
    edge: Annotated[bool, typer.Option("--edge", help="An archive for devices; the only form there is.")] = False,
    file: Annotated[Path | None, typer.Option("--file", "-O", help="Where to; left out: NAME-REVISION.tar.gz.")] = None,
    overwrite: Overwrite = False,
    timeout: Timeout = 900,
) -> None:
    """Pack a revision into one file that serves wherever there is Python, without a network."""
    if not edge:
        raise Misuse("Say in which form: --edge.")
    with open_client() as client:
        with progress.spinner(name) as report:
            made = client.edge.export(name, revision, timeout=timeout, on_look=lambda found: report(found["step"]))
        place = file or Path(made["filename"])
        client.edge.download(name, made, place, overwrite=overwrite)
    document = {"file": str(place), "revision": made["revision"], "sha256": made["sha256"]}
    output.done(document, f"Wrote {place}, revision {made['revision']} (SHA-256 {made['sha256']}).")
