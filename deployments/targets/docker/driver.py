"""The Docker target: each replica of an instance is a container."""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import docker.errors

from deployments.engines import EngineClient, EngineFacts, EngineProblem, client_of, facts_of
from deployments.recipe.spec import InstanceRef, InstanceSpec
from deployments.targets import log_files, spooled
from deployments.targets.base import LOG_CHUNK, NotBuilt, NotRemoved, Route, TargetUnavailable, Usage
from deployments.targets.docker import copied_spool, logs, reports
from deployments.targets.docker.conditions import check_room, problems_of, sentences_of
from deployments.targets.docker.container import Placing
from deployments.targets.docker.endings import ending
from deployments.targets.docker.ends import converge, end
from deployments.targets.docker.files import CopiedFiles, Files, SharedFiles, container_user
from deployments.targets.docker.locks import try_lock
from deployments.targets.docker.lookup import Found, Lookup
from deployments.targets.docker.names import Owner, chosen, container_name
from deployments.targets.docker.networks import remove_unused_networks
from deployments.targets.docker.places import Launch, Places, ReplicaFolder
from deployments.targets.docker.starting import Start, exit_state, remove_container
from deployments.targets.docker.target_settings import DockerSettings
from deployments.targets.docker.usage import usage_of_container
from deployments.targets.observation import Observation, Replica
from deployments.targets.server_files import keys_file
from deployments.targets.untrusted_files import read_struct, remove_tree

AT_ONCE = 8  # replicas that are started, or asked whether they answer
GONE = "worker_crashed", "The container is gone: somebody has removed it."


class DockerDriver:
    """`root` holds the folders of this target's replicas; `owner` is what its containers are labelled with."""

    resync_seconds = 2.0

    def __init__(self, settings: DockerSettings, owner: Owner, root: Path) -> None:
        self._settings, self._owner = settings, owner
        self._places = Places(root)
        self._lookup = Lookup(self._client, owner)

    def check(self) -> list[str]:
        try:
            return problems_of(facts_of(self._client()), self._settings)
        except EngineProblem as problem:
            return [str(problem)]

    def facts(self) -> list[str]:
        with _translated():
            return sentences_of(facts_of(self._client()), self._settings, container_user())

    def apply(self, spec: InstanceSpec, *, keep: int = 0, paused: Collection[int] = ()) -> None:
        with _translated():
            found = self._lookup.replicas(spec.ref, fresh=True)
            for number in self._numbers(spec.ref, found):
                if number > max(spec.replicas, keep):
                    self._end_or_clear(spec.ref, number, found.get(number))
            wanted = range(1, spec.replicas + 1)
            _at_once(lambda number: self._apply_one(spec, number, found.get(number), number not in paused), wanted)
            self._lookup.forget()

    def observe(self, ref: InstanceRef) -> Observation:
        """A replica that does not answer takes a second, so several are asked at once."""
        with _translated():
            found = self._lookup.replicas(ref)
            replicas = _at_once(
                lambda number: self._observe_one(ref, number, found.get(number)), self._numbers(ref, found)
            )
        return Observation(tuple(one for one in replicas if one.state != "absent"))

    def route(self, route: Route) -> None:
        """The service's requests come to those that are marked, by way of the front, which learns what is observed."""
        if route.instance is not None:
            for number in self._places.numbers(route.instance) or [1]:
                folder = self._folder(route.instance, number)
                folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.serving.touch(mode=0o600)

    def drain(self, ref: InstanceRef) -> None:
        for number in self._places.numbers(ref):
            self._folder(ref, number).serving.unlink(missing_ok=True)

    def stop(self, ref: InstanceRef) -> None:
        self.drain(ref)
        with _translated():
            found = self._lookup.replicas(ref, fresh=True)
            for number in self._numbers(ref, found):
                self._end_or_clear(ref, number, found.get(number))
            self._lookup.forget()

    def remove(self, ref: InstanceRef) -> None:
        """Containers that live are ended first; folders go when no container is left."""
        self.stop(ref)
        with _translated():
            if self._lookup.replicas(ref, fresh=True):
                return
            self._remove_folders(ref)
            self._remove_volumes(ref)
            remove_unused_networks(self._client(), self._owner, ref.workspace)

    def holds(self, ref: InstanceRef) -> bool:
        with _translated():
            return self._places.instance(ref).exists() or bool(self._lookup.replicas(ref, fresh=True))

    def logs(self, ref: InstanceRef, offset: int = 0, limit: int = LOG_CHUNK, *, replica: int = 1) -> tuple[str, int]:
        folder = self._folder(ref, replica)
        launch = read_struct(folder.launch, Launch)
        if launch is not None and launch.container:
            with suppress(EngineProblem, docker.errors.APIError):  # what was read before is there all the same
                logs.collect(self._client(), folder, launch.container)
        return log_files.read_from(folder.log, offset, limit)

    def take_windows(self, ref: InstanceRef, keep: Callable[[list[bytes]], None]) -> int:
        if self._settings.mounts:
            folders = (self._folder(ref, number) for number in self._places.numbers(ref))
            return sum(spooled.take_windows(folder.work / "spool", keep) for folder in folders)
        with _translated():
            live = [one for one in self._lookup.replicas(ref).values() if one.state == "running"]
            return sum(copied_spool.take_windows(self._client(), one.id, keep) for one in live)

    def usage(self, ref: InstanceRef) -> list[Usage]:
        with _translated():
            found = self._lookup.replicas(ref)
            live = [(number, one.id) for number, one in sorted(found.items()) if one.state == "running"]
            used = [usage_of_container(self._client(), number, container) for number, container in live]
        return [one for one in used if one is not None]

    # --- parts

    def _client(self) -> EngineClient:
        return client_of(self._settings.engine)

    @cached_property
    def _engine_facts(self) -> EngineFacts:
        return facts_of(self._client())

    @property
    def _files(self) -> Files:
        return SharedFiles() if self._settings.mounts else CopiedFiles(self._client())

    def _folder(self, ref: InstanceRef, number: int) -> ReplicaFolder:
        return self._places.replica(ref, number)

    def _numbers(self, ref: InstanceRef, found: Collection[int]) -> list[int]:
        return sorted({*self._places.numbers(ref), *found})

    def _placing(self, ref: InstanceRef, number: int) -> Placing:
        folder = self._folder(ref, number) if self._settings.mounts else None
        user = container_user() if self._settings.mounts else 65532
        volume = container_name(self._owner, ref, number)
        return Placing(self._owner, user, folder, volume, self._settings.address, self._settings.gpus)

    # --- steps

    def _apply_one(self, spec: InstanceSpec, number: int, found: Found | None, may_start: bool) -> None:
        folder = self._folder(spec.ref, number)
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with try_lock(folder.lock) as free:
            if not free:
                return
            placing, files = self._placing(spec.ref, number), self._files
            if found is not None and found.is_live:
                if read_struct(folder.launch, Launch) is not None:
                    files.update(folder, found.id, keys_file(spec))
                converge(self._client(), folder, spec, number, placing, found)
            elif may_start and (found is None or found.state != "removing"):
                self._start(spec, number, found, placing, files)

    def _start(self, spec: InstanceSpec, number: int, found: Found | None, placing: Placing, files: Files) -> None:
        check_room(spec, number, self._engine_facts)
        last, folder = self._observe_one(spec.ref, number, found), self._folder(spec.ref, number)
        spec = replace(spec, image=_image_of(spec, folder))
        if number > 1 and self._folder(spec.ref, 1).serving.exists():
            folder.serving.touch(mode=0o600)
        Start(spec, number, placing, self._client(), files, folder).run(found, last)

    def _observe_one(self, ref: InstanceRef, number: int, found: Found | None) -> Replica:
        folder, user = self._folder(ref, number), self._placing(ref, number).user
        launch = read_struct(folder.launch, Launch)
        if launch is None:
            return Replica(number, "starting") if found is not None and found.is_live else Replica(number)
        if launch.refused is not None:
            return Replica(number) if folder.stopping.exists() else reports.refused(number, folder, launch, user)
        if found is None:
            return reports.ended(number, folder, launch, None, GONE, user) if launch.container else Replica(number)
        if found.state == "created" or found.id == launch.after:
            return Replica(number)
        status = self._files.status(folder, found.id)
        if found.is_live:
            return reports.running(number, folder, launch, status, self._endpoints(folder, found), user)
        logs.collect(self._client(), folder, found.id)
        cause = ending(exit_state(self._client(), found.id))
        return reports.ended(number, folder, launch, status, cause, user)

    def _endpoints(self, folder: ReplicaFolder, found: Found) -> Any:
        if not self._settings.mounts:
            return reports.port_endpoints(found, self._settings.address)
        return reports.socket_endpoints(folder, grpc=(folder.work / "grpc.sock").exists())

    def _end_or_clear(self, ref: InstanceRef, number: int, found: Found | None) -> None:
        """End what runs; when nothing runs any more, clear up after it."""
        folder = self._folder(ref, number)
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.serving.unlink(missing_ok=True)
        with try_lock(folder.lock) as free:
            if not free:
                return
            if found is not None and found.is_live:
                end(self._client(), folder, found)
                return
            if found is not None:
                logs.collect(self._client(), folder, found.id)
                remove_container(self._client(), found.id)
            for path in (folder.launch, folder.stopping, *folder.of_one_run):
                remove_tree(path)

    def _remove_folders(self, ref: InstanceRef) -> None:
        instance = self._places.instance(ref)
        left = remove_tree(instance)
        if left:
            raise NotRemoved(f"This is left of the deleted service and cannot be removed: {left[0]}.")
        with suppress(OSError):  # others of the service are there
            self._places.service(ref).rmdir()

    def _remove_volumes(self, ref: InstanceRef) -> None:
        if self._settings.mounts:
            return
        prefix = container_name(self._owner, ref, 0)[:-1]
        for volume in self._client().volumes(filters=chosen(self._owner.labels))["Volumes"] or ():
            if volume["Name"].startswith(prefix):
                with suppress(docker.errors.APIError):
                    self._client().remove_volume(volume["Name"])


def _image_of(spec: InstanceSpec, folder: ReplicaFolder) -> str:
    """After an update of the studio the image with its scoring server is not built yet; the one that ran before does.
    Raises `NotBuilt` where there was none."""
    before = read_struct(folder.launch, Launch)
    image = spec.image or (before.image if before is not None and before.is_of(spec) else "")
    if not image:
        raise NotBuilt("The revision has no image yet.")
    return image


@contextmanager
def _translated() -> Iterator[None]:
    """What the engine's trouble means to who asks a driver."""
    try:
        yield
    except EngineProblem as problem:
        raise TargetUnavailable(str(problem)) from problem
    except docker.errors.APIError as error:
        raise TargetUnavailable(f"The engine refused: {error.explanation or error}") from error


def _at_once(do: Callable[[int], Any], numbers: Collection[int]) -> list[Any]:
    """What `do` gives for each; all are done before one that raises lets it be known."""
    if len(numbers) <= 1:
        return [do(number) for number in numbers]
    with ThreadPoolExecutor(min(AT_ONCE, len(numbers))) as pool:
        return list(pool.map(do, numbers))
