"""`slipway service export`: a revision as one file that starts on a device."""

import json
from pathlib import Path
from typing import Annotated

import typer

from slipway import output, progress
from slipway.commands.options import Overwrite, ServiceName, Timeout, open_client
from slipway.errors import Misuse
from slipway.saving import save_texts


def export(
    name: ServiceName,
    revision: Annotated[int | None, typer.Option(help="Its number; left out: the wanted one.", min=1)] = None,
    edge: Annotated[bool, typer.Option("--edge", help="As an archive for devices.")] = False,
    iot_edge: Annotated[bool, typer.Option("--iot-edge", help="As a deployment manifest for Azure IoT Edge.")] = False,
    file: Annotated[Path | None, typer.Option("--file", "-O", help="Where to; left out: a name that fits.")] = None,
    overwrite: Overwrite = False,
    timeout: Timeout = 900,
) -> None:
    """Pack a revision into one file that serves wherever there is Python, without a network; or name its image in a
    manifest for Azure IoT Edge."""
    if edge == iot_edge:
        raise Misuse("Say in which form: --edge or --iot-edge.")
    if iot_edge:
        _write_manifest(name, revision, file, overwrite=overwrite)
        return
    with open_client() as client:
        with progress.spinner(name) as report:
            made = client.edge.export(name, revision, timeout=timeout, on_look=lambda found: report(found["step"]))
        place = file or Path(made["filename"])
        client.edge.download(name, made, place, overwrite=overwrite)
    document = {"file": str(place), "revision": made["revision"], "sha256": made["sha256"]}
    output.done(document, f"Wrote {place}, revision {made['revision']} (SHA-256 {made['sha256']}).")


def _write_manifest(name: str, revision: int | None, file: Path | None, *, overwrite: bool) -> None:
    place = file or Path("deployment.json")
    with open_client() as client:
        found = client.edge.iot_edge_manifest(name, revision)
    save_texts(place.parent, {place.name: json.dumps(found, indent=2)}, overwrite=overwrite)
    output.done({"file": str(place)}, f"Wrote {place}.")
