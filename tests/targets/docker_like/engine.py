"""What a container engine keeps: containers by name, and which of them a network name resolves to."""

import time
from dataclasses import dataclass, field
from functools import cache


@dataclass
class Container:
    """`labels` are all that whoever made it can keep with it. States are created, running and exited."""

    image: str
    labels: dict[str, str]
    state: str = "created"
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int | None = None
    restarts: int = 0
    log: str = ""


@dataclass
class Engine:
    containers: dict[str, Container] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=dict)  # network name to names of containers
    images: set[str] = field(default_factory=set)

    def start(self, name: str) -> None:
        container = self.containers[name]
        container.state, container.exit_code = "running", None
        container.started_at = max(time.time(), container.started_at + 0.001)  # a clock of milliseconds
        container.log += f"revision {container.labels['revision']} starts\n"

    def kill(self, name: str, exit_code: int) -> None:
        container = self.containers[name]
        container.state, container.exit_code, container.finished_at = "exited", exit_code, time.time()
        container.log += "killed\n"


@cache
def engine_at(address: str) -> Engine:
    """The one engine that listens there."""
    return Engine()
