"""Start one replica, while its lock is held: no container of it lives."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import docker.errors
import msgspec

from deployments.engines import EngineClient
from deployments.recipe.spec import InstanceSpec
from deployments.targets import server_files
from deployments.targets.base import NotBuilt, TargetUnavailable
from deployments.targets.docker import logs
from deployments.targets.docker.container import Placing, container_config, network_of
from deployments.targets.docker.files import Files
from deployments.targets.docker.lookup import Found
from deployments.targets.docker.names import container_name
from deployments.targets.docker.networks import ensure_network
from deployments.targets.docker.places import (
    BUNDLE,
    GRPC_PORT,
    GRPC_SOCKET,
    HTTP_PORT,
    HTTP_SOCKET,
    WORK,
    Launch,
    ReplicaFolder,
)
from deployments.targets.observation import Failure, Replica
from deployments.targets.untrusted_files import read_struct
from scoring.contract import RunSettings
from studio.core.atomic_files import write_atomically

PORT_WORDS = ("port is already allocated", "address already in use")


@dataclass(frozen=True)
class Start:
    """What is started, where, and how its files get there."""

    spec: InstanceSpec
    number: int
    placing: Placing
    client: EngineClient
    files: Files
    folder: ReplicaFolder

    def run(self, before: Found | None, last: Replica) -> None:
        """`before`: the container that has ended, `last`: what is told of its end. Returns when the container runs, or
        its launch says why it does not. Killed at any line, the next call makes it good: what is noted before a
        container goes is not counted again, and one that was made and not started is made anew."""
        launch = self._next_launch(before, last)
        write_atomically(self.folder.launch, msgspec.json.encode(launch))
        if before is not None:
            logs.collect(self.client, self.folder, before.id)
            remove_container(self.client, before.id)
        self.files.prepare(self.folder, msgspec.json.encode(self._settings()), server_files.keys_file(self.spec))
        logs.write(self.folder, _headline(launch))
        try:
            self._make_and_start(launch)
        except docker.errors.APIError as error:
            self._refuse(launch, error)
        self.folder.stopping.unlink(missing_ok=True)

    def _make_and_start(self, launch: Launch) -> None:
        spec, placing = self.spec, self.placing
        network = network_of(spec, placing)
        if network != "none":
            lock = self.folder.path.parents[2] / "networks.lock"  # in the folder of the target
            ensure_network(self.client, placing.owner, spec.ref.workspace, way_out=spec.network == "full", lock=lock)
        name = container_name(placing.owner, spec.ref, self.number)
        made = self.client.create_container_from_config(container_config(spec, self.number, placing), name)
        launch.container = made["Id"]
        write_atomically(self.folder.launch, msgspec.json.encode(launch))
        self.files.deliver(self.folder, launch.container)
        self.client.start(launch.container)

    def _refuse(self, launch: Launch, error: docker.errors.APIError) -> None:
        """What is wrong with the engine or the image is noted as the end of this run; what may pass is raised."""
        told = str(error.explanation or error)
        if error.status_code == 409:
            return  # another worker has made it: the name is the lock
        if isinstance(error, docker.errors.ImageNotFound) or "No such image" in told:
            raise NotBuilt(f"The image {self.spec.image} is no longer at the engine.") from error
        port_taken = any(words in told for words in PORT_WORDS)
        if error.status_code >= 500 and not port_taken and not launch.container:
            raise TargetUnavailable(f"The engine could not make the container: {told}") from error
        reason = "port_taken" if port_taken else "internal"
        launch.refused = Failure(reason, f"The engine could not start the container: {told}"[:2000])
        if launch.container:
            remove_container(self.client, launch.container)
        logs.write(self.folder, launch.refused.message)
        write_atomically(self.folder.launch, msgspec.json.encode(launch))

    def _next_launch(self, before: Found | None, last: Replica) -> Launch:
        spec, noted = self.spec, read_struct(self.folder.launch, Launch)
        again = noted is not None and noted.is_of(spec) and noted.asked_at == spec.asked_at
        launch = Launch(
            generation=spec.generation,
            revision=spec.ref.revision,
            recipe=spec.recipe,
            image=spec.image,
            started_at=time.time(),
            asked_at=spec.asked_at,
        )
        if not again or noted is None:
            return launch
        ended = noted.refused is not None or (bool(noted.container) and last.state in ("dead", "failed"))
        launch.after = noted.container or noted.after
        launch.restarts = last.restarts_in_a_row + 1 if ended else noted.restarts
        launch.failure = last.failure if ended else noted.failure
        return launch

    def _settings(self) -> RunSettings:
        spec, grpc = self.spec, self.spec.grpc
        if self.placing.folder is None:
            place: dict[str, Any] = {"host": "0.0.0.0", "port": HTTP_PORT}  # noqa: S104 - inside its own network
            place |= {"grpc_port": GRPC_PORT} if grpc else {}
        else:
            place = {"socket": f"{WORK}/{HTTP_SOCKET}"} | ({"grpc_socket": f"{WORK}/{GRPC_SOCKET}"} if grpc else {})
        return server_files.run_settings(
            spec,
            tells_studio=False,
            bundle=BUNDLE,
            work=WORK,
            replica=str(self.number),
            environment=environment(spec),
            **place,
        )


def environment(spec: InstanceSpec) -> dict[str, str]:
    """Variables of the deployment, which are often secrets: the server sets them from its settings file."""
    cores = {"LOKY_MAX_CPU_COUNT": str(max(1, round(spec.cpus + 0.49)))} if spec.cpus else {}
    return cores | dict[str, str](spec.environment_variables)


def remove_container(client: EngineClient, container: str) -> None:
    """With its anonymous volumes; done when it is gone already."""
    with suppress(docker.errors.NotFound):
        client.remove_container(container, force=True, v=True)


def exit_state(client: EngineClient, container: str) -> Mapping[str, Any]:
    """`State` of a container; empty when it is gone."""
    try:
        found: Mapping[str, Any] = client.inspect_container(container)["State"]
    except docker.errors.NotFound:
        return {}
    return found


def _headline(launch: Launch) -> str:
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(launch.started_at))
    again = f", restart {launch.restarts}" if launch.restarts else ""
    return f"--- {moment} UTC: revision {launch.revision} starts in a container{again} ---"
