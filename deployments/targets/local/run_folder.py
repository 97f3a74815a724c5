"""Pure: what folders of services and their instances hold, and how a specification becomes the files that a server
reads.

The first replica of an instance has the instance's own folder; those of the others lie below it.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from deployments.recipe.spec import InstanceSpec
from deployments.targets import server_files
from deployments.targets.observation import Failure
from scoring.contract import SERVING_FILE, RunSettings


class Launch(msgspec.Struct, omit_defaults=True):
    """`launch.json`: what was started last, written before the process is. Times are epoch seconds.

    `on_request`: it answers at the service's address only when it is told to; a server of version 0.1.0 always does.
    `walls` and `user`: the level it was started behind, and as whom; None: as the studio.
    `readable`: folders of the machine that it may read beyond its own.
    """

    generation: int
    revision: int
    recipe: str
    port: int  # of the service's address
    started_at: float
    on_request: bool = False
    asked_at: float = 0.0
    restarts: int = 0
    oom_kills: int = 0  # the machine's count of out-of-memory kills at the start
    failure: Failure | None = None  # why the run before this one ended
    walls: str = ""
    user: int | None = None
    readable: list[str] = []

    def is_of(self, spec: InstanceSpec) -> bool:
        """The same revision: a running process may stay."""
        return (self.revision, self.recipe) == (spec.ref.revision, spec.recipe)


class Address(msgspec.Struct):
    """`address.json`: where a service answers, whichever of its instances does."""

    host: str
    port: int
    grpc_port: int | None = None


OTHERS = "replicas"


@dataclass(frozen=True)
class ServiceFolder:
    """What the instances of a service share: their run folders, and the address at which they take turns."""

    path: Path

    @property
    def address(self) -> Path:
        return self.path / "address.json"

    @property
    def shared(self) -> Path:
        """What its instances may all write to."""
        return self.path / "shared"

    @property
    def handover(self) -> Path:
        """The unix socket through which instances share the listening socket of the address."""
        return self.shared / "handover"

    def instance(self, instance_id: int) -> "RunFolder":
        """Of its first replica."""
        return RunFolder(self.path / str(instance_id))

    def replica(self, instance_id: int, number: int) -> "RunFolder":
        first = self.instance(instance_id)
        return first if number == 1 else RunFolder(first.path / OTHERS / str(number))

    def other_replicas(self, instance_id: int) -> dict[int, "RunFolder"]:
        """The run folders that are there beside the first one, by number."""
        folder = self.instance(instance_id).path / OTHERS
        found = [int(path.name) for path in folder.iterdir() if path.name.isdecimal()] if folder.is_dir() else []
        return {number: self.replica(instance_id, number) for number in sorted(found)}

    def instances(self) -> list["RunFolder"]:
        """The run folders that are there, each that of an instance's first replica."""
        if not self.path.is_dir():
            return []
        return [RunFolder(path) for path in sorted(self.path.iterdir()) if path.name.isdecimal()]


@dataclass(frozen=True)
class RunFolder:
    """Where the files of one replica's processes lie.

    `control` holds what the studio and the keeper trust: the replica only reads there. `work` holds what the replica
    writes, which may be anything: it is read with `files.read_untrusted` and its like. An earlier version kept both in
    one folder (`flat`).
    """

    path: Path
    flat: bool = False

    @property
    def control(self) -> Path:
        return self.path if self.flat else self.path / "control"

    @property
    def work(self) -> Path:
        return self.path if self.flat else self.path / "work"

    @property
    def run(self) -> Path:
        return self.control / "run.json"

    @property
    def keys(self) -> Path:
        return self.control / "keys.json"

    @property
    def log(self) -> Path:
        """Opened by the studio: the instance can only write on."""
        return self.control / "server.log"

    @property
    def launch(self) -> Path:
        return self.control / "launch.json"

    @property
    def lock(self) -> Path:
        """Held by the keeper as long as it lives: the kernel's own record of its life."""
        return self.control / "lock"

    @property
    def processes(self) -> Path:
        """Numbers of the keeper and of the server, from the keeper."""
        return self.control / "processes.json"

    @property
    def exit(self) -> Path:
        """The exit status, once the process has ended by itself; empty when nobody was left to see it."""
        return self.control / "exit"

    @property
    def stopping(self) -> Path:
        """There once the process was asked to go; its time of change is when."""
        return self.control / "stopping"

    @property
    def serving(self) -> Path:
        """There while the instance is to answer at the service's address."""
        return self.control / SERVING_FILE

    @property
    def status(self) -> Path:
        return self.work / "status.json"

    @property
    def home(self) -> Path:
        return self.work / "home"

    @property
    def temporary(self) -> Path:
        return self.work / "tmp"

    @property
    def reports(self) -> Path:
        """Where onnxruntime keeps a device id and a queue of reports, unless it is kept from it."""
        return self.home / ".cache" / "Microsoft" / "DeveloperTools" / ".onnxruntime"

    @property
    def of_one_run(self) -> tuple[Path, ...]:
        """Files that tell about the last run and must not be taken for the next one's."""
        return (self.status, self.processes, self.exit, self.stopping)


def run_settings(spec: InstanceSpec, address: Address, bundle: Path, handover: Path, work: Path) -> RunSettings:
    """`run.json`, of the first replica."""
    return server_files.run_settings(
        spec,
        tells_studio=spec.network != "none",
        bundle=str(bundle),
        work=str(work),
        host=address.host,
        port=address.port,
        grpc_port=address.grpc_port if spec.grpc else None,
        serve_on_request=True,
        handover=str(handover),
    )
