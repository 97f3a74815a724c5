"""The local target: each instance is a tree of processes on this machine, behind walls and with its own run folder."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import msgspec

from deployments.recipe.spec import InstanceRef, InstanceSpec
from deployments.targets import log_files
from deployments.targets.base import LOG_CHUNK, NotRemoved, Observation, Route
from deployments.targets.local import adoption, ownership, process, spooled
from deployments.targets.local.endings import failure_of
from deployments.targets.local.files import make_folder, read_struct, read_untrusted, remove_tree
from deployments.targets.local.isolation import Isolation, isolation_here
from deployments.targets.local.reports import common, report
from deployments.targets.local.room import check_room
from deployments.targets.local.run_folder import (
    Address,
    Launch,
    RunFolder,
    ServiceFolder,
    keys_file,
    run_settings,
)
from deployments.targets.local.service_plan import Parts, Places, service_plan
from scoring.contract import Status
from studio.core.atomic_files import write_atomically
from studio.sandbox.plan import Plan

TERM_SECONDS = 12.0  # from asking politely to SIGKILL; a little more than the server takes to finish requests
LOG_BYTES = 8 * 1024 * 1024
NAMED = 3  # files that an error names


@dataclass
class LocalDriver:
    """`root` holds the folders of services; `library()` gives the folder that holds the scoring package alone,
    `bundle_at` and `python_at` where the bundle and the interpreter of a digest are; they raise `NotBuilt`."""

    root: Path
    library: Callable[[], Path]
    bundle_at: Callable[[str], Path]
    python_at: Callable[[str], Path]
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

    def apply(self, spec: InstanceSpec) -> None:
        folder = self._folder(spec.ref)
        for needed in (folder.path, folder.control, folder.work):
            needed.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.path.chmod(0o700)
        write_atomically(folder.keys, keys_file(spec), group=self.isolation().user_of(spec.ref.service_id))
        with self._locked(spec.ref) as (folder, lock):
            if lock is None:
                self._converge_running(folder, spec)
            elif not self._end_of_others(spec.ref):
                self._start(folder, spec, lock)

    def observe(self, ref: InstanceRef) -> Observation:
        folder = self._folder(ref)
        launch = read_struct(folder.launch, Launch)
        if launch is None:
            return Observation("absent")
        log_files.rotate(folder.log, LOG_BYTES)
        return self._observe_running(folder, launch) or self._observe_ended(folder, launch)

    def route(self, route: Route) -> None:
        """Servers look for the file `serving` themselves; the signal only makes them look at once."""
        service = self._service(route.service_id)
        service.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if route.port is not None:
            address = Address(route.host, route.port, route.grpc_port)
            write_atomically(service.address, msgspec.json.encode(address))
        if route.instance is not None:
            folder = self._folder(route.instance)
            folder.control.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not folder.serving.exists():
                folder.serving.touch(mode=0o600)
                self._request_recheck(folder)

    def drain(self, ref: InstanceRef) -> None:
        """What does not serve on request can only be ended, which finishes what it is at."""
        folder = self._folder(ref)
        launch = read_struct(folder.launch, Launch)
        if launch is not None and not launch.on_request:
            self._end_if_held(folder)
        elif folder.serving.exists():
            folder.serving.unlink(missing_ok=True)
            self._request_recheck(folder)

    def stop(self, ref: InstanceRef) -> None:
        """The file `serving` goes first: started again, the instance serves only when it is routed to again, even if
        nobody gets round to clearing up after this run."""
        self._folder(ref).serving.unlink(missing_ok=True)
        self._end_or_clear(_clear_last_run, ref)

    def remove(self, ref: InstanceRef) -> None:
        self._end_or_clear(_remove_folder, ref)
        self._remove_shared_files(ref)

    def holds(self, ref: InstanceRef) -> bool:
        """The last instance of a service holds what the service has in common, too."""
        service = self._service(ref.service_id)
        if self._folder(ref).path.exists():
            return True
        return service.path.exists() and not self._is_shared(service)

    def logs(self, ref: InstanceRef, offset: int = 0, limit: int = LOG_CHUNK) -> tuple[str, int]:
        return log_files.read_from(self._folder(ref).log, offset, limit)

    def take_windows(self, ref: InstanceRef, keep: Callable[[list[bytes]], None]) -> int:
        return spooled.take_windows(self._folder(ref).work / "spool", keep)

    def _service(self, service_id: int) -> ServiceFolder:
        return ServiceFolder(self.root / str(int(service_id)))

    def _folder(self, ref: InstanceRef) -> RunFolder:
        return adoption.run_folder(self._service(ref.service_id), ref.instance_id, ref.revision)

    @contextmanager
    def _locked(self, ref: InstanceRef) -> Iterator[tuple[RunFolder, int | None]]:
        """The instance's run folder and, when nothing of it lives, its lock."""
        folder, service = self._folder(ref), self._service(ref.service_id)
        with process.locked(folder) as lock:
            if lock is not None and folder.flat:
                folder = adoption.move(folder, service, ref.instance_id)
            yield folder, lock

    def _end_or_clear(self, clear: Callable[[RunFolder], None], ref: InstanceRef) -> None:
        """End what runs; when nothing runs any more, clear up after it."""
        if not self._folder(ref).path.exists():
            return
        with self._locked(ref) as (folder, lock):
            if lock is None:
                self._end(folder)
            else:
                clear(folder)

    def _remove_shared_files(self, ref: InstanceRef) -> None:
        """With the last instance goes what the service's instances had in common."""
        service = self._service(ref.service_id)
        if service.path.exists() and not self._is_shared(service):
            _remove_folder(RunFolder(service.path))

    def _is_shared(self, service: ServiceFolder) -> bool:
        """Whether an instance of the service is left."""
        return bool(service.instances()) or adoption.old_run_folder(service) is not None

    def _end_of_others(self, ref: InstanceRef) -> bool:
        """A server of an earlier version, or of another user, does not share the address: it must be gone before
        another one of its service can start. Takes a step towards that; False when there is none."""
        service = self._service(ref.service_id)
        user = self.isolation().user_of(ref.service_id)
        beside = [folder for folder in service.instances() if folder != service.instance(ref.instance_id)]
        others = [folder for folder in beside if _is_of_another(folder, user)]
        return any([self._end_if_held(folder) for folder in (*adoption.living(service), *others)])

    def _end_if_held(self, folder: RunFolder) -> bool:
        """Take a step towards the end of what lives in the folder; False when nothing does."""
        held = process.is_held(folder)
        if held:
            self._end(folder)
        return held

    def _request_recheck(self, folder: RunFolder) -> None:
        launch = read_struct(folder.launch, Launch)
        if launch is not None and launch.on_request and process.is_held(folder):
            _processes(folder).request_recheck(folder)

    def _converge_running(self, folder: RunFolder, spec: InstanceSpec) -> None:
        """A process is running: keep it if it matches the specification, else take a step towards its end."""
        launch, status = read_struct(folder.launch, Launch), read_untrusted(folder.status, Status)
        if (status and status.state == "failed") or (folder.flat and not adoption.server_lives(folder)):
            _processes(folder).kill(folder)
        elif folder.stopping.exists() or launch is None or not launch.is_of(spec):
            self._end(folder, lambda: read_struct(folder.launch, Launch) == launch)

    def _end(self, folder: RunFolder, is_meant: Callable[[], bool] = lambda: True) -> None:
        """Ask first, kill later. `is_meant` looks once more whether nothing else has been started meanwhile."""
        if not folder.stopping.exists():
            folder.stopping.touch()
            if is_meant():
                _processes(folder).terminate(folder)
            else:
                folder.stopping.unlink(missing_ok=True)
        elif time.time() - _stop_requested_at(folder) > TERM_SECONDS:
            _processes(folder).kill(folder)

    def _start(self, folder: RunFolder, spec: InstanceSpec, lock: int) -> None:
        """Nothing lives and, as long as we hold the lock, nothing else can be started."""
        isolation = self.isolation()
        isolation.check(spec.network)
        check_room(spec)
        service = self._service(spec.ref.service_id)
        address = read_struct(service.address, Address)
        if address is None:
            raise ValueError(f"the address of service {spec.ref.service_id} is not known")
        launch = self._next_launch(folder, spec, address, isolation)
        parts = Parts(self.python_at(spec.environment), self.library(), self.bundle_at(spec.bundle).resolve())
        walls, places = isolation.walls, Places(service, folder, self.root.parent, isolation.readable)
        plan = service_plan(spec, parts, places, address, level=walls.level, user=launch.user)
        _empty(folder)
        settings = run_settings(spec, address, parts.bundle, service.handover, folder.work)
        write_atomically(folder.run, msgspec.json.encode(settings), group=launch.user)
        for stale in folder.of_one_run:
            remove_tree(stale)
        write_atomically(folder.launch, msgspec.json.encode(launch))
        with folder.log.open("a") as log:
            log.write(_headline(launch))
        self._prepare(service, folder, plan)
        process.spawn(folder, plan, walls, lock)
        # Whoever saw the lock held, and not yet by what, may have marked this one for its end: who means it asks again.
        folder.stopping.unlink(missing_ok=True)

    def _prepare(self, service: ServiceFolder, folder: RunFolder, plan: Plan) -> None:
        """The folders that it writes to, and that its user can reach what it needs."""
        for needed in (service.shared, folder.home, folder.temporary):
            make_folder(needed)
        if plan.user is not None:
            for path in plan.readable:
                if path.is_relative_to(self.root.parent) and path != folder.control:
                    ownership.let_read(path)
            ownership.hand_out(service, folder, plan.user)

    def _next_launch(self, folder: RunFolder, spec: InstanceSpec, address: Address, isolation: Isolation) -> Launch:
        before = read_struct(folder.launch, Launch)
        again = before is not None and before.is_of(spec) and before.generation == spec.generation
        last = self._observe_ended(folder, before) if before and again else Observation("absent")
        crashed = last.state != "absent"
        return Launch(
            generation=spec.generation,
            revision=spec.ref.revision,
            recipe=spec.recipe,
            port=address.port,
            started_at=time.time(),
            on_request=True,
            restarts=last.restarts_in_a_row + 1 if crashed else 0,
            oom_kills=process.oom_kills(),
            failure=last.failure,
            walls=isolation.walls.level,
            user=isolation.user_of(spec.ref.service_id),
            readable=[str(one) for one in isolation.readable],
        )

    def _observe_running(self, folder: RunFolder, launch: Launch) -> Observation | None:
        """What a living instance says; None when it has ended."""
        if not process.is_held(folder) or (folder.flat and not adoption.server_lives(folder)):
            return None
        return report(folder, launch, read_untrusted(folder.status, Status))

    def _observe_ended(self, folder: RunFolder, launch: Launch) -> Observation:
        if folder.stopping.exists():
            return Observation("absent", restarts=launch.restarts)
        status = read_untrusted(folder.status, Status)
        if not folder.exit.exists():
            folder.exit.touch()  # whoever would have noted it is gone too; from now on the end has a time
        failed = status is not None and status.state == "failed"
        return Observation(
            "failed" if failed else "dead",
            **common(launch, status),
            ended_at=folder.exit.stat().st_mtime,
            failure=failure_of(folder, launch, status, oom_kills=process.oom_kills()),
        )


def _clear_last_run(folder: RunFolder) -> None:
    """Stopped on purpose: nothing of the last run counts any more; keys and log stay."""
    for path in (folder.launch, *folder.of_one_run):
        remove_tree(path)


def _empty(folder: RunFolder) -> None:
    """Temporary files of the run before, and what onnxruntime kept in homes made before it was kept from reporting.
    Links out of the home are not followed."""
    remove_tree(folder.temporary)
    inside = os.path.relpath(folder.reports, folder.home)
    if os.path.realpath(folder.reports) == os.path.join(os.path.realpath(folder.home), inside):
        remove_tree(folder.reports)


def _is_of_another(folder: RunFolder, user: int | None) -> bool:
    """Whether the instance was started as another user."""
    launch = read_struct(folder.launch, Launch)
    return launch is not None and launch.user != user


def _processes(folder: RunFolder) -> ModuleType:
    """What signals the processes of this folder."""
    return adoption if folder.flat else process


def _stop_requested_at(folder: RunFolder) -> float:
    """When the process was asked to end; now, if the next one has begun in the meantime."""
    try:
        return folder.stopping.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _remove_folder(folder: RunFolder) -> None:
    left = remove_tree(folder.path)
    if left:
        names = ", ".join(str(path) for path in left[:NAMED])
        more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
        raise NotRemoved(f"This is left of the deleted service and cannot be removed: {names}{more}.")


def _headline(launch: Launch) -> str:
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(launch.started_at))
    again = f", restart {launch.restarts}" if launch.restarts else ""
    return f"--- {moment} UTC: revision {launch.revision} starts on port {launch.port}{again} ---\n"
