"""The settings of a Docker target, declared once, and what they mean."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from deployments.engines import EngineAddress, parse_address
from deployments.engines.address import DEFAULT_HOST
from deployments.targets.kinds import Setting

STEP_SECONDS = 10.0  # that one answer may take: what waits for it keeps other instances waiting

SETTINGS = (
    Setting(
        "host",
        "Engine",
        default=DEFAULT_HOST,
        help="Where the Docker engine listens: unix:///path, tcp://host:port or ssh://user@host. SSH uses the keys and "
        "known hosts of the user that the studio runs as.",
    ),
    Setting(
        "ca",
        "CA certificate",
        secret=True,
        lines=True,
        help="PEM text, for tcp:// with TLS: who signed the engine's own.",
    ),
    Setting("certificate", "Client certificate", secret=True, lines=True, help="PEM text, for tcp:// with TLS."),
    Setting(
        "key", "Client key", secret=True, lines=True, help="PEM text of the key that belongs to the client certificate."
    ),
    Setting(
        "gpus",
        "GPUs",
        default="",
        help="What each container gets: empty for none, all, a number, or ids as 0,1. Needs NVIDIA's container "
        "toolkit on the engine's machine.",
    ),
    Setting(
        "address",
        "Address of its containers",
        default="",
        help="For engines on other machines: the IP address there at which scoring ports are published. Empty: the "
        "engine's own.",
    ),
    Setting(
        "copy_files",
        "Copy files",
        type="boolean",
        default=False,
        help="For an engine at a local socket that does not see the studio's data folder, as when the studio itself "
        "runs in a container: settings are copied into volumes, and containers are reached at ports.",
    ),
)


@dataclass(frozen=True)
class DockerSettings:
    """`mounts`: containers share folders with the studio, and are reached at unix sockets there; else files are copied
    and ports published at `address`."""

    engine: EngineAddress
    gpus: str = ""
    address: str = "127.0.0.1"
    mounts: bool = True


def read_settings(given: Mapping[str, Any]) -> DockerSettings:
    """Raises `BadInput`, which names the setting."""
    texts = {name: given.get(name) or "" for name in ("host", "ca", "certificate", "key")}
    engine = replace(parse_address(texts.pop("host"), **texts), seconds=STEP_SECONDS)
    is_here = engine.transport == "unix"
    return DockerSettings(
        engine,
        gpus=(given.get("gpus") or "").strip(),
        address=(given.get("address") or "").strip() or engine.machine or "127.0.0.1",
        mounts=is_here and not given.get("copy_files"),
    )
