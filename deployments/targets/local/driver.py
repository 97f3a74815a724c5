"""The local target: each service is a session of processes on this machine, with a run folder of its own."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from deployments.recipe.spec import ServiceSpec
from deployments.targets import log_files
from deployments.targets.base import LOG_CHUNK, NotRemoved, Observation
from deployments.targets.local import process
from deployments.targets.local.endings import failure_of
from deployments.targets.local.files import read_struct, remove_tree, write_atomically
from deployments.targets.local.reports import common, report
from deployments.targets.local.room import check_room
from deployments.targets.local.run_folder import Launch, RunFolder, command, environment, keys_file, run_settings
from scoring.contract import Status

TERM_SECONDS = 12.0  # from asking politely to SIGKILL; a little more than the server takes to finish requests
SETTLE_TRIES = 10  # an ended server's keeper needs a moment to note how it ended
SETTLE_SECONDS = 0.005
LOG_BYTES = 8 * 1024 * 1024
NAMED = 3  # files that an error names


@dataclass
class LocalDriver:
    """`root` holds the run folders; `library()` gives the folder that holds the scoring package alone."""

    root: Path
    library: Callable[[], Path]
    resync_seconds: float = 2.0

    def check(self) -> list[str]:
        return [] if Path("/bin/sh").exists() else ["The local target needs /bin/sh."]

    def apply(self, spec: ServiceSpec) -> None:
        folder = self._folder(spec.service_id)
        folder.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.path.chmod(0o700)
        write_atomically(folder.keys, keys_file(spec))
        with process.locked(folder) as lock:
            if lock is None:
                self._tend(folder, spec)
            else:
                self._start(folder, spec, lock)

    def observe(self, service_id: int) -> Observation:
        folder = self._folder(service_id)
        launch = read_struct(folder.launch, Launch)
        if launch is None:
            return Observation("absent")
        log_files.rotate(folder.log, LOG_BYTES)
        return self._living(folder, launch) or self._ended(folder, launch)

    def stop(self, service_id: int) -> None:
        self._end_or(_forget, self._folder(service_id))

    def remove(self, service_id: int) -> None:
        self._end_or(_erase, self._folder(service_id))

    def _end_or(self, clear: Callable[[RunFolder], None], folder: RunFolder) -> None:
        """End what runs; when nothing runs any more, clear up after it."""
        if not folder.path.exists():
            return
        with process.locked(folder) as lock:
            if lock is None:
                self._end(folder)
            else:
                clear(folder)

    def holds(self, service_id: int) -> bool:
        return self._folder(service_id).path.exists()

    def logs(self, service_id: int, offset: int = 0, limit: int = LOG_CHUNK) -> tuple[str, int]:
        return log_files.read_from(self._folder(service_id).log, offset, limit)

    def _folder(self, service_id: int) -> RunFolder:
        return RunFolder(self.root / str(int(service_id)))

    def _tend(self, folder: RunFolder, spec: ServiceSpec) -> None:
        """Something lives: leave it alone if it is what is wanted, else take a step towards its end."""
        launch, status = read_struct(folder.launch, Launch), read_struct(folder.status, Status)
        if status and (status.state == "failed" or not process.lives(folder, status)):
            process.kill(folder)
        elif folder.stopping.exists() or launch is None or not launch.is_of(spec):
            self._end(folder, lambda: read_struct(folder.launch, Launch) == launch)

    def _end(self, folder: RunFolder, is_meant: Callable[[], bool] = lambda: True) -> None:
        """Ask first, kill later. `is_meant` looks once more whether nothing else has been started meanwhile."""
        if not folder.stopping.exists():
            folder.stopping.touch()
            if is_meant():
                process.ask_to_end(folder, read_struct(folder.status, Status))
            else:
                folder.stopping.unlink(missing_ok=True)
        elif time.time() - _asked_at(folder) > TERM_SECONDS:
            process.kill(folder)

    def _start(self, folder: RunFolder, spec: ServiceSpec, lock: int) -> None:
        """Nothing lives and, as long as we hold the lock, nothing else can be started."""
        check_room(spec)
        _discard_reports(folder)
        launch = self._next_launch(folder, spec)
        write_atomically(folder.run, msgspec.json.encode(run_settings(spec)))
        for stale in folder.of_one_run:
            stale.unlink(missing_ok=True)
        write_atomically(folder.launch, msgspec.json.encode(launch))
        with folder.log.open("a") as log:
            log.write(_headline(launch))
        process.spawn(folder, command(spec, folder), environment(spec, folder, self.library()), lock)
        # Whoever saw the lock held, and not yet by what, may have marked this one for its end: who means it asks again.
        folder.stopping.unlink(missing_ok=True)

    def _next_launch(self, folder: RunFolder, spec: ServiceSpec) -> Launch:
        before = read_struct(folder.launch, Launch)
        again = before is not None and before.is_of(spec) and before.generation == spec.generation
        last = self._ended(folder, before) if before and again else Observation("absent")
        crashed = last.state != "absent"
        return Launch(
            generation=spec.generation,
            revision=spec.revision,
            recipe=spec.recipe,
            port=spec.port or 0,
            started_at=time.time(),
            restarts=last.restarts_in_a_row + 1 if crashed else 0,
            oom_kills=process.oom_kills(),
            failure=last.failure,
        )

    def _living(self, folder: RunFolder, launch: Launch) -> Observation | None:
        """What a living service says; None when it has ended."""
        for _ in range(SETTLE_TRIES):
            if not process.is_held(folder):
                return None
            status = read_struct(folder.status, Status)
            if status is None or process.lives(folder, status):
                return report(folder, launch, status)
            time.sleep(SETTLE_SECONDS)
        return None

    def _ended(self, folder: RunFolder, launch: Launch) -> Observation:
        if folder.stopping.exists():
            return Observation("absent", restarts=launch.restarts)
        status = read_struct(folder.status, Status)
        if not folder.exit.exists():
            folder.exit.touch()  # whoever would have noted it is gone too; from now on the end has a time
        failed = status is not None and status.state == "failed"
        return Observation(
            "failed" if failed else "dead",
            **common(launch, status),
            ended_at=folder.exit.stat().st_mtime,
            failure=failure_of(folder, launch, status, oom_kills=process.oom_kills()),
        )


def _forget(folder: RunFolder) -> None:
    """Stopped on purpose: nothing of the last run counts any more; keys and log stay."""
    for path in (folder.launch, *folder.of_one_run):
        path.unlink(missing_ok=True)


def _discard_reports(folder: RunFolder) -> None:
    """What onnxruntime kept in homes made before it was kept from reporting. Links out of the home are not followed."""
    inside = os.path.relpath(folder.reports, folder.home)
    if os.path.realpath(folder.reports) == os.path.join(os.path.realpath(folder.home), inside):
        remove_tree(folder.reports)


def _asked_at(folder: RunFolder) -> float:
    """When the process was asked to end; now, if the next one has begun in the meantime."""
    try:
        return folder.stopping.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _erase(folder: RunFolder) -> None:
    left = remove_tree(folder.path)
    if left:
        names = ", ".join(str(path) for path in left[:NAMED])
        more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
        raise NotRemoved(f"This is left of the deleted service and cannot be removed: {names}{more}.")


def _headline(launch: Launch) -> str:
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(launch.started_at))
    again = f", restart {launch.restarts}" if launch.restarts else ""
    return f"--- {moment} UTC: revision {launch.revision} starts on port {launch.port}{again} ---\n"
