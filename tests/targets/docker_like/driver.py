"""The driver: an instance is a container named after it, and serves while the service's network name resolves to it."""

from dataclasses import dataclass, field

from deployments.recipe.spec import InstanceRef, InstanceSpec
from deployments.targets.base import LOG_CHUNK, Endpoint, Failure, Observation, Route, TargetUnavailable
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

    def apply(self, spec: InstanceSpec) -> None:
        if not self.registry:
            raise TargetUnavailable("The registry cannot be asked.")
        name, engine = _name(spec.ref), self.engine
        image = spec.image or f"{self.registry}/{spec.ref.workspace}/{spec.bundle[:12]}"
        if image not in engine.images:
            engine.images.add(image)  # pulled; the container comes with the next step
            return
        container = engine.containers.get(name)
        if container is None or container.image != image:
            labels = {"revision": str(spec.ref.revision), "service": str(spec.ref.service_id)}
            engine.containers[name] = container = Container(image, labels)
        if container.state == "running":
            return
        again = container.state == "exited" and container.labels.get("generation") == str(spec.generation)
        container.restarts = container.restarts + 1 if again else 0
        container.labels["generation"] = str(spec.generation)
        engine.start(name)

    def observe(self, ref: InstanceRef) -> Observation:
        container = self.engine.containers.get(_name(ref))
        if container is None or container.state == "created":
            return Observation("absent")
        serving = _name(ref) in self.engine.names.get(_service_name(ref.service_id), ())
        facts = {
            "revision": int(container.labels["revision"]),
            "restarts": container.restarts,
            "started_at": container.started_at,
        }
        if container.state == "exited":
            failure = Failure("worker_crashed", f"The container ended with {container.exit_code}.", container.log)
            return Observation("dead", **facts, ended_at=container.finished_at, failure=failure)
        endpoint = Endpoint("http", f"http://{_name(ref)}.{self.network}:8080")
        ready_at = container.started_at + READY_SECONDS
        return Observation("ready", **facts, ready_at=ready_at, endpoints=(endpoint,), serving=serving)

    def route(self, route: Route) -> None:
        names = self.engine.names.setdefault(_service_name(route.service_id), set())
        if route.instance is not None:
            names.add(_name(route.instance))

    def drain(self, ref: InstanceRef) -> None:
        self.engine.names.get(_service_name(ref.service_id), set()).discard(_name(ref))

    def stop(self, ref: InstanceRef) -> None:
        self.drain(ref)
        container = self.engine.containers.get(_name(ref))
        if container is not None:
            container.state = "created"

    def remove(self, ref: InstanceRef) -> None:
        self.stop(ref)
        self.engine.containers.pop(_name(ref), None)
        if not self.engine.names.get(_service_name(ref.service_id)):
            self.engine.names.pop(_service_name(ref.service_id), None)

    def holds(self, ref: InstanceRef) -> bool:
        return _name(ref) in self.engine.containers

    def logs(self, ref: InstanceRef, offset: int = 0, limit: int = LOG_CHUNK) -> tuple[str, int]:
        container = self.engine.containers.get(_name(ref))
        text = container.log if container else ""
        start = max(0, len(text) + offset) if offset < 0 else min(offset, len(text))
        return text[start : start + limit], min(len(text), start + limit)


def _name(ref: InstanceRef) -> str:
    return f"slipway-{ref.workspace}-{ref.service}-r{ref.revision}-{ref.instance_id}"


def _service_name(service_id: int) -> str:
    return f"service-{service_id}"
