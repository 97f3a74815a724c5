"""`agent.json`: who this device is, and which studio it trusts. For its owner alone, as the device key stands in it."""

import json
from dataclasses import dataclass
from pathlib import Path

from scoring.edge.manifest import read_public_key
from scoring.edge.problems import EdgeProblem

AGENT_FILE = "agent.json"
BUFFER_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class AgentSettings:
    """`device`: its id at the studio. `ca_file`: certificates to trust beside the system's. `buffer_bytes`: how much
    telemetry waits for the studio at most."""

    folder: Path
    studio: str
    device: str
    key: str
    public_key: bytes
    ca_file: str = ""
    buffer_bytes: int = BUFFER_BYTES


def read_settings(folder: Path) -> AgentSettings:
    """Raises `EdgeProblem` (no_settings) that says what is missing."""
    path = folder / AGENT_FILE
    try:
        given = json.loads(path.read_bytes())
        return AgentSettings(
            folder=folder.resolve(),
            studio=str(given["studio"]).rstrip("/"),
            device=str(given["device"]),
            key=str(given["key"]),
            public_key=read_public_key(given["public_key"]),
            ca_file=str(given.get("ca_file", "")),
            buffer_bytes=int(given.get("buffer_bytes", BUFFER_BYTES)),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EdgeProblem(
            "no_settings",
            f"{path} cannot be used: {error!r}",
            "Take it from the studio, which shows it once when a device is added: 'slipway device add NAME --file'.",
        ) from error
