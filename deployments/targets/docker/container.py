"""Pure: how a specification becomes the configuration of a container, as the engine's API has it.

`drift` compares it with what the engine says: the names are the same on both sides.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployments.recipe.spec import MEGABYTE, InstanceSpec
from deployments.targets.docker.names import Owner, container_labels, network_name
from deployments.targets.docker.places import CONTROL, GRPC_PORT, HTTP_PORT, INSIDE, RUN_FILE, WORK, ReplicaFolder

STOP_SECONDS = 12  # a little more than the server takes to finish requests
PIDS, PIDS_PER_CORE = 512, 64  # processes and threads; numeric libraries start some for each core
LEAST_SCRATCH = 64 * MEGABYTE
UNLIMITED_SCRATCH = 256 * MEGABYTE  # of a service that has no memory limit
FILE_BYTES = 32 * 1024**3
LOG = {"Type": "json-file", "Config": {"max-size": "8m", "max-file": "2"}}


@dataclass(frozen=True)
class Placing:
    """Where a container is made: whose it is, as whom it runs (`user`, and a group of the same number), what it shares
    with the studio, and what it is given. `folder`: None where files are copied into a volume instead."""

    owner: Owner
    user: int
    folder: ReplicaFolder | None
    volume: str = ""
    address: str = "127.0.0.1"
    gpus: str = ""


def container_config(spec: InstanceSpec, number: int, placing: Placing) -> dict[str, Any]:
    """What `POST /containers/create` takes. Nothing secret is in it: settings, keys and variables go in as files."""
    ports = [] if placing.folder else [HTTP_PORT, *([GRPC_PORT] if spec.grpc else [])]
    return {
        "Image": spec.image,
        "Cmd": [f"{CONTROL}/{RUN_FILE}", "--console"],
        "User": f"{placing.user}:{placing.user}",
        "WorkingDir": WORK,
        "Labels": container_labels(placing.owner, spec, number),
        "Healthcheck": {"Test": ["NONE"]},  # the studio asks; each check by the engine costs a process
        "StopSignal": "SIGTERM",
        "StopTimeout": STOP_SECONDS,
        "ExposedPorts": {f"{port}/tcp": {} for port in ports},
        "HostConfig": host_config(spec, placing, ports),
    }


def host_config(spec: InstanceSpec, placing: Placing, ports: list[int]) -> dict[str, Any]:
    """Limits, walls and mounts. No restart policy: the studio's loop restarts with a back-off of its own, and sees how
    each run has ended."""
    scratch = max(LEAST_SCRATCH, spec.memory_bytes // 4) if spec.memory_bytes else UNLIMITED_SCRATCH
    return {
        "NetworkMode": network_of(spec, placing),
        "PortBindings": {f"{port}/tcp": [{"HostIp": placing.address, "HostPort": ""}] for port in ports},
        "Mounts": _mounts(placing),
        "ReadonlyRootfs": True,
        "Tmpfs": {"/tmp": f"rw,noexec,nosuid,nodev,size={scratch},mode=1777"},  # noqa: S108
        "ShmSize": 2 * scratch,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"],
        "Privileged": False,
        "IpcMode": "private",
        "Init": True,  # a crash by a signal is then seen as one
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "LogConfig": LOG,
        "Memory": spec.memory_bytes or 0,
        "MemorySwap": spec.memory_bytes or 0,  # as much as memory: none
        "NanoCpus": round((spec.cpus or 0) * 1e9),
        "PidsLimit": PIDS + PIDS_PER_CORE * math.ceil(spec.cpus or 0),
        "Ulimits": [
            {"Name": "core", "Soft": 0, "Hard": 0},
            {"Name": "fsize", "Soft": FILE_BYTES, "Hard": FILE_BYTES},
        ],
        "DeviceRequests": device_requests(placing.gpus),
    }


def network_of(spec: InstanceSpec, placing: Placing) -> str:
    """`none` where that is asked for, or nothing is, and sockets are shared: then there is no way out at all. Where a
    port is needed: a bridge that answers find their way back from, and nothing else finds a way out of."""
    way_out = spec.network == "full"
    if placing.folder and not way_out:
        return "none"
    return network_name(placing.owner, spec.ref.workspace, way_out=way_out)


def device_requests(gpus: str) -> list[dict[str, Any]]:
    """`all`, a number, or ids."""
    if not gpus:
        return []
    named = {"Driver": "", "Capabilities": [["gpu"]], "Options": {}}
    if gpus == "all":
        return [named | {"Count": -1, "DeviceIDs": None}]
    if gpus.isdecimal():
        return [named | {"Count": int(gpus), "DeviceIDs": None}]
    return [named | {"Count": 0, "DeviceIDs": [one.strip() for one in gpus.split(",") if one.strip()]}]


def drift(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What somebody has changed of a container since it was made, by name."""
    host, is_host = wanted["HostConfig"], found.get("HostConfig", {})
    names = ("Memory", "NanoCpus", "PidsLimit", "ReadonlyRootfs", "NetworkMode", "Privileged")
    changed = [name for name in names if (is_host.get(name) or 0) != (host[name] or 0)]
    if is_host.get("RestartPolicy", {}).get("Name", "") not in ("", "no"):
        changed.append("RestartPolicy")
    networks = set(found.get("NetworkSettings", {}).get("Networks") or ())
    return [*changed, *(["Networks"] if networks - {host["NetworkMode"]} else [])]


def _mounts(placing: Placing) -> list[dict[str, Any]]:
    if placing.folder is None:
        labelled = {"VolumeOptions": {"Labels": placing.owner.labels}}
        return [{"Type": "volume", "Source": placing.volume, "Target": INSIDE} | labelled]
    private = {"BindOptions": {"Propagation": "rprivate"}}
    return [
        {"Type": "bind", "Source": str(placing.folder.control), "Target": CONTROL, "ReadOnly": True} | private,
        {"Type": "bind", "Source": str(placing.folder.work), "Target": WORK, "ReadOnly": False} | private,
    ]
