"""The edge target: a group of devices that ask by themselves. What is wanted is published in a folder.

A device may be away for months, so an instance is ready as soon as it is published. How many devices run it stands on
the target's page; the roll-out to devices (deployments/edge) goes on by itself.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from deployments.recipe.spec import TOKEN_ISSUER, InstanceRef, InstanceSpec, token_audience
from deployments.targets.base import LOG_CHUNK, NoRoom, Route
from deployments.targets.edge.published import (
    Published,
    Standing,
    TargetFolder,
    read_published,
    read_text,
    release_parts,
)
from deployments.targets.edge.run_settings import settings_of
from deployments.targets.edge.waves import BadWaves, read_waves
from deployments.targets.observation import Observation, Replica
from studio.core.atomic_files import write_atomically

MOST_PORTS = 1000


@dataclass
class EdgeDriver:
    """`settings` are those of the kind."""

    folder: TargetFolder
    settings: Mapping[str, Any]
    resync_seconds: float = 10.0

    def check(self) -> list[str]:
        problems = []
        try:
            read_waves(self.settings["waves"])
        except BadWaves as error:
            problems.append(str(error))
        if not 1 <= self.settings["first_port"] <= 65_535:
            problems.append(f"The first port {self.settings['first_port']} is none: 1 to 65535.")
        return problems

    def facts(self) -> list[str]:
        try:
            return msgspec.json.decode(self.folder.standing.read_bytes(), type=Standing).facts
        except (FileNotFoundError, msgspec.DecodeError):
            return ["No device has been added yet."]

    def apply(self, spec: InstanceSpec, *, keep: int = 0, paused: Collection[int] = ()) -> None:
        path = self.folder.instance(spec.ref.service_id, spec.ref.instance_id)
        before = read_published(path)
        published = Published(
            service=spec.ref.service_id,
            name=spec.ref.service,
            instance=spec.ref.instance_id,
            replicas=spec.replicas,
            revision=spec.ref.revision,
            asked=spec.asked_at,
            keys=_keys(spec),
            release=self._release(spec),
            published_at=before.published_at if before else time.time(),
        )
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, msgspec.json.encode(published))

    def observe(self, ref: InstanceRef) -> Observation:
        found = read_published(self.folder.instance(ref.service_id, ref.instance_id))
        if found is None:
            return Observation()
        is_current = read_text(self.folder.current(ref.service_id)) == str(ref.instance_id)
        at = found.published_at
        facts: dict[str, Any] = {"started_at": at, "ready_at": at, "revision": found.revision}
        numbers = range(1, found.replicas + 1)
        return Observation(tuple(Replica(number, "ready", serving=is_current, **facts) for number in numbers))

    def route(self, route: Route) -> None:
        current = self.folder.current(route.service_id)
        current.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if route.instance is not None:
            write_atomically(current, str(route.instance.instance_id).encode())

    def drain(self, ref: InstanceRef) -> None:
        """Devices that have no other release of the service end it."""
        current = self.folder.current(ref.service_id)
        if read_text(current) == str(ref.instance_id):
            current.unlink(missing_ok=True)

    def stop(self, ref: InstanceRef) -> None:
        self.folder.instance(ref.service_id, ref.instance_id).unlink(missing_ok=True)

    def remove(self, ref: InstanceRef) -> None:
        self.stop(ref)
        services = self.folder.services / str(int(ref.service_id))
        if services.is_dir() and not list(services.glob("*.json")):
            self.folder.current(ref.service_id).unlink(missing_ok=True)
            services.rmdir()
            for port in self._ports_of(ref.service_id):
                (self.folder.ports / str(port)).unlink(missing_ok=True)

    def holds(self, ref: InstanceRef) -> bool:
        services = self.folder.services / str(int(ref.service_id))
        is_last = services.is_dir() and not list(services.glob("*.json"))
        return is_last or self.folder.instance(ref.service_id, ref.instance_id).exists()

    def logs(self, ref: InstanceRef, offset: int = 0, limit: int = LOG_CHUNK, *, replica: int = 1) -> tuple[str, int]:
        """They stay on the devices; what keeps a release from running there is reported."""
        return "", max(offset, 0)

    def _release(self, spec: InstanceSpec) -> dict[str, Any]:
        """What of an instance makes a server start anew when it changes."""
        packed = release_parts(spec.bundle)
        return {
            "revision": spec.ref.revision,
            "python": packed.python,
            "settings": settings_of(spec),
            "variables": dict(spec.environment_variables),
            "host": self.settings["listen"],
            "port": self._port(spec.ref.service_id),
            "parts": {name: msgspec.to_builtins(part) for name, part in sorted(packed.parts.items())},
        }

    def _port(self, service: int) -> int:
        """The service's own on every device: claimed by a file that nobody else can make."""
        self.folder.ports.mkdir(mode=0o700, parents=True, exist_ok=True)
        first = self.settings["first_port"]
        if held := self._ports_of(service):
            return min(held)
        for port in range(first, min(first + MOST_PORTS, 65_536)):
            try:
                with (self.folder.ports / str(port)).open("x") as file:
                    file.write(str(service))
            except FileExistsError:
                continue
            return port
        raise NoRoom(f"All ports from {first} on are taken by other services of this target.")

    def _ports_of(self, service: int) -> list[int]:
        found = self.folder.ports.iterdir() if self.folder.ports.is_dir() else ()
        return [int(path.name) for path in found if read_text(path) == str(service)]


def _keys(spec: InstanceSpec) -> dict[str, Any]:
    """As scoring.contract.KeysFile has it. The front is not there: nobody has checked the caller before."""
    keys: dict[str, Any] = {"digests": list(spec.key_digests)}
    if spec.token_secret:
        audience = token_audience(spec.ref.workspace, spec.ref.service)
        keys["tokens"] = {"secret": spec.token_secret, "audience": audience, "issuer": TOKEN_ISSUER}
    return keys
