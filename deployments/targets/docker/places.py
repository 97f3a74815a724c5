"""Where the files of containers lie on the studio's side, and inside a container.

<root>/<service>/<instance>/<replica>/     only the studio gets here
    launch.json      what was started last, and how often
    server.log       what all its containers printed, read before they go
    log.json         how far that is read
    lock             held while a step is taken
    stopping         there once its end was asked for
    serving          there while the service's requests are to come here
    ended            there once its end was noticed; its time of change is when
    control/         mounted read-only: run.json and keys.json
    work/            the container's own: status.json, sockets, spool
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from deployments.recipe.spec import InstanceRef, InstanceSpec
from deployments.targets.observation import Failure

INSIDE = "/run/slipway"
CONTROL, WORK = f"{INSIDE}/control", f"{INSIDE}/work"
RUN_FILE, KEYS_FILE = "run.json", "keys.json"
HTTP_SOCKET, GRPC_SOCKET = "score.sock", "grpc.sock"
BUNDLE = "/opt/slipway/bundle"
HTTP_PORT, GRPC_PORT = 5001, 5002  # inside a container that is reached over TCP


class Launch(msgspec.Struct, omit_defaults=True):
    """`launch.json`, written before the container is made. Times are epoch seconds on the studio's clock.

    `container`: its id, once it is made. `after`: the one before it, whose end is counted here already. `refused`: why
    the engine could not make or start it.
    """

    generation: int
    revision: int
    recipe: str
    image: str
    started_at: float
    asked_at: float = 0.0
    restarts: int = 0
    container: str = ""
    after: str = ""
    failure: Failure | None = None  # why the run before this one ended
    refused: Failure | None = None

    def is_of(self, spec: InstanceSpec) -> bool:
        """The same revision: a running container may stay, also in an image with the scoring server of an earlier
        release, which the studio has been updated from."""
        return (self.revision, self.recipe) == (spec.ref.revision, spec.recipe)


@dataclass(frozen=True)
class ReplicaFolder:
    """Of one replica."""

    path: Path

    @property
    def control(self) -> Path:
        return self.path / "control"

    @property
    def work(self) -> Path:
        return self.path / "work"

    @property
    def launch(self) -> Path:
        return self.path / "launch.json"

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    @property
    def log_cursor(self) -> Path:
        return self.path / "log.json"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def stopping(self) -> Path:
        return self.path / "stopping"

    @property
    def serving(self) -> Path:
        return self.path / "serving"

    @property
    def ended(self) -> Path:
        return self.path / "ended"

    @property
    def run(self) -> Path:
        return self.control / RUN_FILE

    @property
    def keys(self) -> Path:
        return self.control / KEYS_FILE

    @property
    def status(self) -> Path:
        return self.work / "status.json"

    @property
    def of_one_run(self) -> tuple[Path, ...]:
        """What tells of the last run and must not be taken for the next one's."""
        return (self.status, self.work / HTTP_SOCKET, self.work / GRPC_SOCKET, self.ended)


@dataclass(frozen=True)
class Places:
    """All folders of a target."""

    root: Path

    def service(self, ref: InstanceRef) -> Path:
        return self.root / str(int(ref.service_id))

    def instance(self, ref: InstanceRef) -> Path:
        return self.service(ref) / str(int(ref.instance_id))

    def replica(self, ref: InstanceRef, number: int) -> ReplicaFolder:
        return ReplicaFolder(self.instance(ref) / str(int(number)))

    def numbers(self, ref: InstanceRef) -> list[int]:
        """Of the replicas that have a folder."""
        folder = self.instance(ref)
        found = folder.iterdir() if folder.is_dir() else ()
        return sorted(int(path.name) for path in found if path.name.isdecimal())
