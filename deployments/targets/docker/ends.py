"""Steps towards the end of a container, and what is done with one that is not as it was made."""

import time
from contextlib import suppress

import docker.errors

from deployments.engines import EngineClient
from deployments.recipe.spec import InstanceSpec
from deployments.targets.docker import logs
from deployments.targets.docker.container import STOP_SECONDS, Placing, container_config, drift
from deployments.targets.docker.lookup import Found
from deployments.targets.docker.places import Launch, ReplicaFolder
from deployments.targets.untrusted_files import read_struct


def end(client: EngineClient, folder: ReplicaFolder, found: Found) -> None:
    """Ask first, kill later."""
    with suppress(docker.errors.NotFound, docker.errors.APIError):  # it has ended meanwhile
        if found.state == "paused":
            client.unpause(found.id)
        if not folder.stopping.exists():
            folder.stopping.touch(mode=0o600)
            client.kill(found.id, "SIGTERM")
        elif time.time() - folder.stopping.stat().st_mtime > STOP_SECONDS:
            client.kill(found.id, "SIGKILL")


def converge(
    client: EngineClient, folder: ReplicaFolder, spec: InstanceSpec, number: int, placing: Placing, found: Found
) -> None:
    """A container lives: keep it if it matches the specification and is as it was made, else take a step towards its
    end; the next one starts as it should be."""
    launch = read_struct(folder.launch, Launch)
    if folder.stopping.exists() or launch is None or not launch.is_of(spec):
        end(client, folder, found)
        return
    if found.state == "paused":
        client.unpause(found.id)
    changed = drift(container_config(spec, number, placing), client.inspect_container(found.id))
    if changed:
        logs.write(
            folder, f"--- somebody changed the container ({', '.join(changed)}); another one takes its place ---"
        )
        end(client, folder, found)
