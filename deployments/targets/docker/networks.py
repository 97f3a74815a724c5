"""The networks that containers are on, made when the first one needs them and removed with the last one."""

import fcntl
from contextlib import suppress
from pathlib import Path

import docker.errors

from deployments.engines import EngineClient
from deployments.targets.docker.names import Owner, network_name

BRIDGE = "com.docker.network.bridge"


def ensure_network(client: EngineClient, owner: Owner, workspace: str, *, way_out: bool, lock: Path) -> None:
    """A bridge of a workspace's own, whose containers do not reach each other. Without a way out, packets leave with an
    address that nobody answers to: scoring ports are reached, and nothing is reached from inside, but what listens on
    all addresses of the engine's own machine.

    `lock`: path of a file that is held meanwhile. Engines make several networks of one name where they are asked at
    the same time, and then no container finds its own.
    """
    name = network_name(owner, workspace, way_out=way_out)
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not _named(client, name):
            options = {f"{BRIDGE}.enable_icc": "false", f"{BRIDGE}.enable_ip_masquerade": str(way_out).lower()}
            client.create_network(name, driver="bridge", options=options, labels=owner.labels)


def remove_unused_networks(client: EngineClient, owner: Owner, workspace: str) -> None:
    """Those of the workspace that no container is on."""
    for way_out in (True, False):
        name = network_name(owner, workspace, way_out=way_out)
        for network in _named(client, name):
            with suppress(docker.errors.APIError):  # in use
                client.remove_network(network)


def _named(client: EngineClient, name: str) -> list[str]:
    """Ids; the engine's own filter takes parts of names for names."""
    return [one["Id"] for one in client.networks(names=[name]) if one["Name"] == name]
