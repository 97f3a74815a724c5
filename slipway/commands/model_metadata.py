"""Files beside a registration, as `az ml` has them: of the training run, and of the version that was registered."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from slipway import documents
from slipway.errors import Misuse

if TYPE_CHECKING:
    from slipway.types import Version


def origin_of(run_file: Path | None, **options: str) -> dict[str, str]:
    """Properties that say where a model comes from: the options, else what the file of a run says. Raises `Misuse`."""
    run = documents.load(run_file) if run_file else {}
    found = {name: value or str(run.get(name) or "") for name, value in options.items()}
    return {name: value for name, value in found.items() if value}


def with_origin(properties: dict[str, str], origin: dict[str, str]) -> dict[str, str]:
    """The properties, and those of the origin. Raises `Misuse` for one that is given twice."""
    if twice := sorted(origin.keys() & properties.keys()):
        raise Misuse(f"The property {twice[0]} is given twice: with --property and as an option of its own.")
    return properties | origin


def write(file: Path, version: "Version") -> None:
    """Write what `read_model` reads. Raises `Misuse`."""
    document = {"modelId": version["id"], **version}
    try:
        file.write_text(json.dumps(document, indent=2), encoding="utf-8")
    except OSError as reason:
        raise Misuse(f"{version['id']} is registered, but {file} cannot be written: {reason.strerror}.") from reason


def read_model(file: Path) -> str:
    """The version that a file of `model register --output-metadata-file` names. Raises `Misuse`."""
    document = documents.load(file)
    found = document.get("modelId") or document.get("id")
    if not isinstance(found, str):
        raise Misuse(f"{file} names no model.", hint="Write it by: slipway model register … -t FILE.")
    return found
