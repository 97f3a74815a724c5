"""Start one replica, while its lock is held: nothing of it lives, and nothing else can be started."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from deployments.recipe.spec import InstanceSpec
from deployments.targets.local import ownership, process
from deployments.targets.local.isolation import Isolation
from deployments.targets.local.replica import observe_ended
from deployments.targets.local.run_folder import Address, Launch, RunFolder, ServiceFolder, run_settings
from deployments.targets.local.service_plan import Parts, Places, service_plan
from deployments.targets.observation import Replica
from deployments.targets.untrusted_files import make_folder, read_struct, remove_tree
from studio.core.atomic_files import write_atomically
from studio.sandbox.plan import Plan
from studio.sandbox.readable import let_read


@dataclass(frozen=True)
class Start:
    """What is started, of which `parts`, and where: `data` is the folder of all that is the studio's."""

    spec: InstanceSpec
    number: int
    service: ServiceFolder
    address: Address
    parts: Parts
    isolation: Isolation
    data: Path

    def run(self, folder: RunFolder, lock: int) -> None:
        """Returns when the process has begun."""
        launch, walls = self._next_launch(folder), self.isolation.walls
        places = Places(self.service, folder, self.data, self.isolation.readable)
        plan = service_plan(self.spec, self.parts, places, self.address, level=walls.level, user=launch.user)
        _empty(folder)
        settings = run_settings(self.spec, self.address, self.parts.bundle, self.service.handover, folder.work)
        settings.replica = str(self.number)
        write_atomically(folder.run, msgspec.json.encode(settings), group=launch.user)
        for stale in folder.of_one_run:
            remove_tree(stale)
        write_atomically(folder.launch, msgspec.json.encode(launch))
        with folder.log.open("a") as log:
            log.write(_headline(launch))
        self._prepare(folder, plan)
        process.spawn(folder, plan, walls, lock)
        # Whoever saw the lock held, and not yet by what, may have marked this one for its end: who means it asks again.
        folder.stopping.unlink(missing_ok=True)

    def _next_launch(self, folder: RunFolder) -> Launch:
        spec, before = self.spec, read_struct(folder.launch, Launch)
        again = before is not None and before.is_of(spec) and before.asked_at == spec.asked_at
        last = observe_ended(folder, self.number, before) if before and again else Replica(self.number)
        crashed = last.state != "absent"
        return Launch(
            generation=spec.generation,
            asked_at=spec.asked_at,
            revision=spec.ref.revision,
            recipe=spec.recipe,
            port=self.address.port,
            started_at=time.time(),
            on_request=True,
            restarts=last.restarts_in_a_row + 1 if crashed else 0,
            oom_kills=process.oom_kills(),
            failure=last.failure,
            walls=self.isolation.walls.level,
            user=self.isolation.user_of(spec.ref.service_id),
            readable=[str(one) for one in self.isolation.readable],
        )

    def _prepare(self, folder: RunFolder, plan: Plan) -> None:
        """The folders that it writes to, and that its user can reach what it needs."""
        for needed in (self.service.shared, folder.home, folder.temporary):
            make_folder(needed)
        if plan.user is not None:
            for path in plan.readable:
                if path.is_relative_to(self.data) and path != folder.control:
                    let_read(path)
            ownership.hand_out(self.service, folder, plan.user)


def _empty(folder: RunFolder) -> None:
    """Temporary files of the run before, and what onnxruntime kept in homes made before it was kept from reporting.
    Links out of the home are not followed."""
    remove_tree(folder.temporary)
    inside = os.path.relpath(folder.reports, folder.home)
    if os.path.realpath(folder.reports) == os.path.join(os.path.realpath(folder.home), inside):
        remove_tree(folder.reports)


def _headline(launch: Launch) -> str:
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(launch.started_at))
    again = f", restart {launch.restarts}" if launch.restarts else ""
    return f"--- {moment} UTC: revision {launch.revision} starts on port {launch.port}{again} ---\n"
