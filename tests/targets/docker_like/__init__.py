"""A kind of target as unlike this machine as Docker is: images, containers by name, networks. It shows that a kind
needs no more than a folder of its own."""

from deployments.targets.base import TargetRef
from deployments.targets.kinds import Setting, TargetKind
from tests.targets.docker_like.driver import DockerLikeDriver
from tests.targets.docker_like.engine import engine_at


def _driver(target: TargetRef) -> DockerLikeDriver:
    asked = target.settings
    return DockerLikeDriver(engine_at(asked["engine"]), asked["network"], asked["registry"], asked["token"])


KIND = TargetKind(
    "docker-like",
    "Containers",
    _driver,
    settings=(
        Setting("engine", "Engine", default="unix:///run/engine.sock", help="Where the container engine listens."),
        Setting("network", "Network", default="models"),
        Setting("registry", "Registry", default="registry.example"),
        Setting("token", "Registry token", secret=True),
    ),
)
