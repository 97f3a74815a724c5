"""How a container of an image serves when nobody gives it a run.json: the image's bundle, by environment variables.

    SLIPWAY_PORT         port of HTTP; 5001
    SLIPWAY_GRPC_PORT    port of gRPC; none
    SLIPWAY_KEY          what clients send as their key; without one, anybody may ask. SLIPWAY_KEY_FILE: a file with it
    SLIPWAY_SECOND_KEY   another key that is taken as well; SLIPWAY_SECOND_KEY_FILE
    SLIPWAY_PROCESSES    processes that answer; chosen from the cores
    SLIPWAY_MEMORY_BYTES resident memory of all processes together; no limit of the server's own

What an image says beyond that stands in options.json beside its bundle: fields of `RunSettings`.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from scoring.contract import KeysFile, RunSettings
from scoring.core.errors import StartFailure

BUNDLE = Path("/opt/slipway/bundle")
KEYS = ("SLIPWAY_KEY", "SLIPWAY_SECOND_KEY")
NUMBERS = {
    "SLIPWAY_PORT": "port",
    "SLIPWAY_GRPC_PORT": "grpc_port",
    "SLIPWAY_PROCESSES": "processes",
    "SLIPWAY_MEMORY_BYTES": "memory_bytes",
}


def write_run(bundle: Path = BUNDLE, variables: Mapping[str, str] = os.environ) -> Path:
    """Write run.json and keys.json to a new folder that only this user reads; gives the path of run.json.

    StartFailure(internal) for a variable that cannot be read.
    """
    keys = [key for key in (_secret(name, variables) for name in KEYS) if key]
    run = _settings(bundle, variables, has_keys=bool(keys))
    folder = Path(tempfile.mkdtemp(prefix="slipway-"))
    digests = [hashlib.sha256(key.encode()).hexdigest() for key in keys]
    (folder / "keys.json").write_bytes(msgspec.json.encode(KeysFile(digests)))
    (folder / "run.json").write_bytes(msgspec.json.encode(run))
    return folder / "run.json"


def _settings(bundle: Path, variables: Mapping[str, str], *, has_keys: bool) -> RunSettings:
    facts: dict[str, Any] = {"service": "model", "workspace": "image", "revision": 1, "recipe": ""}
    options = bundle.parent / "options.json"
    try:
        facts |= json.loads(options.read_bytes()) if options.exists() else {}
        facts |= {field: int(variables[name]) for name, field in NUMBERS.items() if variables.get(name)}
        facts |= {"bundle": str(bundle), "host": "0.0.0.0", "auth": has_keys}  # noqa: S104 - the container's own
        return msgspec.convert(facts, RunSettings)
    except (OSError, ValueError) as error:
        raise StartFailure("internal", f"The settings of the image cannot be read: {error}") from error


def _secret(name: str, variables: Mapping[str, str]) -> str:
    """The variable, or the content of the file that `<name>_FILE` names."""
    path = variables.get(f"{name}_FILE")
    try:
        return Path(path).read_text().strip() if path else variables.get(name, "").strip()
    except OSError as error:
        raise StartFailure("internal", f"The file that {name}_FILE names cannot be read: {error}") from error
