"""The driver: a replica is a container named after it, and serves while the service's network name resolves to it."""

from collections.abc import Collection
from dataclasses import dataclass, field

from deployments.recipe.spec import InstanceRef, InstanceSpec
from deployments.targets.base import LOG_CHUNK, Route, TargetUnavailable
from deployments.targets.observation import Endpoint, Failure, Observation, Replica
from tests.targets.docker_like.engine import Container, Engine

KILLED = 137
READY_SECONDS = 0.05


@dataclass
class DockerLikeDriver:
    engine: Engine
    network: str
    registry: str
    token: str | None = field(default=None, repr=False)
    resync_seconds: float = 5.0

    def check(self) -> list[str]:
        return [] if self.registry else ["The target has no registry to pull images from."]

    def apply(self, spec: InstanceSpec, *, keep: int = 0, paused: Collection[int] = ()) -> None:
        if not self.registry:
            raise TargetUnavailable("The registry cannot be asked.")
        image = spec.image or f"{self.registry}/{spec.ref.workspace}/{spec.bundle[:12]}"
        for number in self._numbers(spec.ref):
            if number > max(spec.replicas, keep):
                self._stop(spec.ref, number)
        if image not in self.engine.images:
            self.engine.images.add(image)  # pulled; the containers come with the next step
            return
        for number in range(1, spec.replicas + 1):
            if number not in paused:
                self._apply_one(spec, number, image)

    def _apply_one(self, spec: InstanceSpec, number: int, image: str) -> None:
        name, engine = _name(spec.ref, number), self.engine
        container = engine.containers.get(name)
        if container is None or container.image != image:
            labels = {"revision": str(spec.ref.revision), "service": str(spec.ref.service_id), "replica": str(number)}
            engine.containers[name] = container = Container(image, labels)
        if container.state == "running":
            return
        again = container.state == "exited" and container.labels.get("asked_at") == str(spec.asked_at)
        container.restarts = container.restarts + 1 if again else 0
        container.labels["asked_at"] = str(spec.asked_at)
        engine.start(name)
        names = engine.names.get(_service_name(spec.ref.service_id), set())
        if any(_name(spec.ref, other) in names for other in self._numbers(spec.ref)):
            names.add(name)

    def observe(self, ref: InstanceRef) -> Observation:
        found = [self._observe_one(ref, number) for number in self._numbers(ref)]
        return Observation(tuple(one for one in found if one.state != "absent"))

    def _observe_one(self, ref: InstanceRef, number: int) -> Replica:
        name = _name(ref, number)
        container = self.engine.containers[name]
        if container.state == "created":
            return Replica(number)
        facts = {
            "revision": int(container.labels["revision"]),
            "restarts": container.restarts,
            "started_at": container.started_at,
        }
        if container.state == "exited":
            failure = Failure("worker_crashed", f"The container ended with {container.exit_code}.", container.log)
            return Replica(number, "dead", **facts, ended_at=container.finished_at, failure=failure)
        endpoint = Endpoint("http", f"http://{name}.{self.network}:8080")
        ready_at = container.started_at + READY_SECONDS
        serving = name in self.engine.names.get(_service_name(ref.service_id), ())
        return Replica(number, "ready", **facts, ready_at=ready_at, endpoints=(endpoint,), serving=serving)

    def route(self, route: Route) -> None:
        names = self.engine.names.setdefault(_service_name(route.service_id), set())
        if route.instance is not None:
            names.update(_name(route.instance, number) for number in self._numbers(route.instance) or [1])

    def drain(self, ref: InstanceRef) -> None:
        names = self.engine.names.get(_service_name(ref.service_id), set())
        names.difference_update(_name(ref, number) for number in self._numbers(ref))

    def stop(self, ref: InstanceRef) -> None:
        for number in self._numbers(ref):
            self._stop(ref, number)

    def remove(self, ref: InstanceRef) -> None:
        self.stop(ref)
        for number in self._numbers(ref):
            self.engine.containers.pop(_name(ref, number), None)
        if not self.engine.names.get(_service_name(ref.service_id)):
            self.engine.names.pop(_service_name(ref.service_id), None)

    def holds(self, ref: InstanceRef) -> bool:
        return bool(self._numbers(ref))

    def logs(self, ref: InstanceRef, offset: int = 0, limit: int = LOG_CHUNK, *, replica: int = 1) -> tuple[str, int]:
        container = self.engine.containers.get(_name(ref, replica))
        text = container.log if container else ""
        start = max(0, len(text) + offset) if offset < 0 else min(offset, len(text))
        return text[start : start + limit], min(len(text), start + limit)

    def _stop(self, ref: InstanceRef, number: int) -> None:
        self.engine.names.get(_service_name(ref.service_id), set()).discard(_name(ref, number))
        self.engine.containers[_name(ref, number)].state = "created"

    def _numbers(self, ref: InstanceRef) -> list[int]:
        """Of the replicas that have a container."""
        found = [one.labels["replica"] for name, one in self.engine.containers.items() if name.startswith(_prefix(ref))]
        return sorted(map(int, found))


def _name(ref: InstanceRef, number: int) -> str:
    return f"{_prefix(ref)}{number}"


def _prefix(ref: InstanceRef) -> str:
    return f"slipway-{ref.workspace}-{ref.service}-r{ref.revision}-{ref.instance_id}-"


def _service_name(service_id: int) -> str:
    return f"service-{service_id}"
