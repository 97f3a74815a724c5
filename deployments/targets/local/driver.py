"""The local target: each replica of an instance is a tree of processes on this machine, behind walls and with its own
run folder."""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from deployments.recipe.spec import InstanceRef, InstanceSpec
from deployments.targets import log_files, spooled
from deployments.targets.base import LOG_CHUNK, NotRemoved, Route, Usage
from deployments.targets.local import adoption, process, replica
from deployments.targets.local.isolation import Isolation, isolation_here
from deployments.targets.local.room import check_room
from deployments.targets.local.run_folder import Address, RunFolder, ServiceFolder
from deployments.targets.local.service_plan import Parts
from deployments.targets.local.starting import Start
from deployments.targets.observation import Observation
from deployments.targets.process_usage import usage_of
from deployments.targets.server_files import keys_file
from deployments.targets.untrusted_files import read_struct, remove_tree
from studio.core.atomic_files import write_atomically

NAMED = 3  # files that an error names
AT_ONCE = 8  # replicas that are started, or asked whether they answer
T = TypeVar("T")


@dataclass
class LocalDriver:
    """`root` holds the folders of services; `library()` gives the folder that holds the scoring package alone, and
    `debugger()` one with the debugger,
    `bundle_at` and `python_at` where the bundle and the interpreter of a digest are; they raise `NotBuilt`."""

    root: Path
    library: Callable[[], Path]
    bundle_at: Callable[[str], Path]
    python_at: Callable[[str], Path]
    debugger: Callable[[], Path] | None = None
    isolation: Callable[[], Isolation] = isolation_here
    resync_seconds: float = 2.0

    def check(self) -> list[str]:
        isolation = self.isolation()
        return [*filter(None, [isolation.refusal]), *isolation.problems]

    def facts(self) -> list[str]:
        isolation = self.isolation()
        walls, extra = isolation.walls, ", ".join(map(str, isolation.readable))
        beyond = f"It may also read {extra}." if extra else ""
        return [f"Walls around user code: {walls.sentence}.", *filter(None, [beyond, walls.how_to_get_better])]

    def apply(self, spec: InstanceSpec, *, keep: int = 0, paused: Collection[int] = ()) -> None:
        self._end_surplus(spec, keep)
        may_start = {number: number not in paused for number in range(1, spec.replicas + 1)}
        _at_once(partial(self._apply_one, spec), may_start, may_start.values())

    def observe(self, ref: InstanceRef) -> Observation:
        """A replica that does not answer takes a second, so several are asked at once."""
        folders = self._replicas(ref)
        found = _at_once(replica.observe, folders.values(), folders)
        return Observation(tuple(one for one in found if one.state != "absent"))

    def route(self, route: Route) -> None:
        service = self._service(route.service_id)
        service.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if route.port is not None:
            address = Address(route.host, route.port, route.grpc_port)
            write_atomically(service.address, msgspec.json.encode(address))
        if route.instance is not None:
            folders = self._replicas(route.instance)
            folders[1].control.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in folders.values():
                replica.serve(folder)

    def drain(self, ref: InstanceRef) -> None:
        for folder in self._replicas(ref).values():
            replica.drain(folder)

    def stop(self, ref: InstanceRef) -> None:
        """The files `serving` go first: started again, the instance serves only when it is routed to again, even if
        nobody gets round to clearing up after this run."""
        folders = self._replicas(ref)
        for folder in folders.values():
            folder.serving.unlink(missing_ok=True)
        for number in folders:
            self._end_or_clear(ref, number)

    def remove(self, ref: InstanceRef) -> None:
        """What all its replicas left goes together, while nothing of it can be started."""
        with ExitStack() as locks:
            folders = [locks.enter_context(self._locked(ref, number)) for number in self._existing(ref)]
            for folder, lock in folders:
                if lock is None:
                    replica.end(folder)
            if folders and all(lock is not None for _, lock in folders):
                _remove_folder(folders[0][0])
        self._remove_shared_files(ref)

    def holds(self, ref: InstanceRef) -> bool:
        """The last instance of a service holds what the service has in common, too."""
        service = self._service(ref.service_id)
        if self._existing(ref):
            return True
        return service.path.exists() and not self._is_shared(service)

    def logs(self, ref: InstanceRef, offset: int = 0, limit: int = LOG_CHUNK, *, replica: int = 1) -> tuple[str, int]:
        return log_files.read_from(self._folder(ref, replica).log, offset, limit)

    def take_windows(self, ref: InstanceRef, keep: Callable[[list[bytes]], None]) -> int:
        return sum(spooled.take_windows(folder.work / "spool", keep) for folder in self._replicas(ref).values())

    def usage(self, ref: InstanceRef) -> list[Usage]:
        """By the processes that the keepers name: of user code nothing is believed."""
        found = []
        for number, folder in self._replicas(ref).items():
            root = process.program_of(folder)
            used = usage_of(number, root) if root is not None else None
            found += [used] if used else []
        return found

    # --- folders

    def _service(self, service_id: int) -> ServiceFolder:
        return ServiceFolder(self.root / str(int(service_id)))

    def _folder(self, ref: InstanceRef, number: int = 1) -> RunFolder:
        service = self._service(ref.service_id)
        if number == 1:
            return adoption.run_folder(service, ref.instance_id, ref.revision)
        return service.replica(ref.instance_id, number)

    def _replicas(self, ref: InstanceRef) -> dict[int, RunFolder]:
        """The first one, whether it is there or not, and the others that are there."""
        return {1: self._folder(ref)} | self._service(ref.service_id).other_replicas(ref.instance_id)

    def _existing(self, ref: InstanceRef) -> list[int]:
        """Numbers of the replicas that have left something."""
        return list(self._replicas(ref)) if self._folder(ref).path.exists() else []

    @contextmanager
    def _locked(self, ref: InstanceRef, number: int) -> Iterator[tuple[RunFolder, int | None]]:
        """The replica's run folder and, when nothing of it lives, its lock."""
        folder, service = self._folder(ref, number), self._service(ref.service_id)
        with process.locked(folder) as lock:
            if lock is not None and folder.flat:
                folder = adoption.move(folder, service, ref.instance_id)
            yield folder, lock

    def _is_shared(self, service: ServiceFolder) -> bool:
        """Whether an instance of the service is left."""
        return bool(service.instances()) or adoption.old_run_folder(service) is not None

    def _remove_shared_files(self, ref: InstanceRef) -> None:
        """With the last instance goes what the service's instances had in common."""
        service = self._service(ref.service_id)
        if service.path.exists() and not self._is_shared(service):
            _remove_folder(RunFolder(service.path))

    # --- steps

    def _apply_one(self, spec: InstanceSpec, number: int, may_start: bool) -> None:
        ref, folder = spec.ref, self._folder(spec.ref, number)
        for needed in (folder.path, folder.control, folder.work):
            needed.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.path.chmod(0o700)
        write_atomically(folder.keys, keys_file(spec), group=self.isolation().user_of(ref.service_id))
        with self._locked(ref, number) as (folder, lock):
            if lock is None:
                replica.converge(folder, spec)
            elif may_start and not self._end_of_others(ref):
                self._start(folder, spec, number, lock)

    def _end_surplus(self, spec: InstanceSpec, keep: int) -> None:
        for number, folder in self._replicas(spec.ref).items():
            if number > max(spec.replicas, keep) and folder.path.exists():
                folder.serving.unlink(missing_ok=True)
                self._end_or_clear(spec.ref, number)

    def _end_or_clear(self, ref: InstanceRef, number: int) -> None:
        """End what runs; when nothing runs any more, clear up after it."""
        if not self._folder(ref, number).path.exists():
            return
        with self._locked(ref, number) as (folder, lock):
            if lock is None:
                replica.end(folder)
            else:
                replica.clear_last_run(folder)

    def _end_of_others(self, ref: InstanceRef) -> bool:
        """A server of an earlier version, or of another user, does not share the address: it must be gone before
        another one of its service can start. Takes a step towards that; False when there is none."""
        service = self._service(ref.service_id)
        user = self.isolation().user_of(ref.service_id)
        own = service.instance(ref.instance_id)
        others = [
            folder
            for first in service.instances()
            if first != own
            for folder in (first, *service.other_replicas(int(first.path.name)).values())
            if replica.is_of_another(folder, user)
        ]
        return any([replica.end_if_held(folder) for folder in (*adoption.living(service), *others)])

    def _start(self, folder: RunFolder, spec: InstanceSpec, number: int, lock: int) -> None:
        """A replica that starts beside others of its instance answers at the service's address if they do."""
        isolation, service = self.isolation(), self._service(spec.ref.service_id)
        isolation.check(spec.network)
        check_room(spec, number)
        address = read_struct(service.address, Address)
        if address is None:
            raise ValueError(f"the address of service {spec.ref.service_id} is not known")
        if number > 1 and self._folder(spec.ref).serving.exists():
            replica.serve(folder)
        debugger = self.debugger() if spec.debug_port and self.debugger else None
        bundle = self.bundle_at(spec.bundle).resolve()
        parts = Parts(self.python_at(spec.environment), self.library(), bundle, debugger)
        Start(spec, number, service, address, parts, isolation, self.root.parent).run(folder, lock)


def _at_once(do: Callable[..., T], *arguments: Collection[Any]) -> list[T]:
    """What `do` gives for each, as `map` has it; all are done before one that raises lets it be known."""
    if len(arguments[0]) <= 1:
        return list(map(do, *arguments))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(do, *arguments))


def _remove_folder(folder: RunFolder) -> None:
    left = remove_tree(folder.path)
    if left:
        names = ", ".join(str(path) for path in left[:NAMED])
        more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
        raise NotRemoved(f"This is left of the deleted service and cannot be removed: {names}{more}.")
