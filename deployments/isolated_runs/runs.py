"""Start, watch and remove isolated runs through the driver of their target. Blocking: for workers only."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone

from deployments.causes import cause_of
from deployments.config.options import DeploymentConfig
from deployments.errors import IsolatedRunFailed
from deployments.isolated_runs.prepared import Prepared
from deployments.isolated_runs.specification import ref_of_run, specification
from deployments.models import IsolatedRun, Target
from deployments.recipe.spec import InstanceRef
from deployments.services.ports import free_port
from deployments.targets import driver_for
from deployments.targets.base import Driver, MeasuresUsage, Obstacle, Route, TargetUnavailable, Usage
from deployments.targets.kinds import kind_of
from deployments.targets.observation import Observation, Replica
from studio.accounts.models import Workspace
from studio.core.secrets import new_secret

LEASE_SECONDS = 60.0
RENEW_SECONDS = 10.0
LOOK_SECONDS = 0.05  # between two looks while it starts: cold starts are measured
END_SECONDS = 30.0  # that the end of all processes may take; the driver kills after 12
LOOPBACK = "127.0.0.1"
LOG_TAIL = 4000  # bytes that an error shows


@dataclass
class Run:
    """A run of one content at one target, in one configuration after the other. `check` is called often while it waits,
    and raises when the wait is to end."""

    row: IsolatedRun
    prepared: Prepared
    config: Any
    check: Callable[[], None] = lambda: None
    key: str = field(default_factory=new_secret, repr=False)
    _renewed_at: float = 0.0

    @property
    def ref(self) -> InstanceRef:
        return ref_of_run(self.row.pk, self.row.workspace.slug, self.row.purpose)

    @property
    def driver(self) -> Driver:
        return driver_for(self.row.target)

    def start(self, options: DeploymentConfig) -> float:
        """Have it run with these options and nothing else; gives the seconds from the start of the slowest replica to
        when it was ready. Raises `IsolatedRunFailed` with the cause, and `TargetUnavailable`."""
        self.stop()
        asked_at = time.time()
        spec = specification(self.ref, self.prepared, self.config, options, self.key, asked_at)
        if kind_of(self.row.target.kind).needs_ports:
            self.driver.route(Route(self.ref.service_id, LOOPBACK, free_port()))  # its address, which nobody calls
        until = time.monotonic() + options.start_deadline_seconds
        while True:
            self._look_after()
            try:
                self.driver.apply(spec)
            except Obstacle as met:
                raise IsolatedRunFailed(cause_of(met.code, str(met))) from met
            found = self.driver.observe(self.ref)
            self._raise_failure(found)
            if found.ready(options.replicas) == options.replicas:
                return _cold_start(found, asked_at)
            if time.monotonic() > until:
                raise IsolatedRunFailed(cause_of("start_timeout", evidence=self.log()))
            time.sleep(LOOK_SECONDS)

    def observe(self) -> Observation:
        """What is there now, while somebody measures it. Raises `IsolatedRunFailed` where a replica has ended."""
        self._look_after()
        found = self.driver.observe(self.ref)
        self._raise_failure(found)
        return found

    def endpoints(self) -> dict[int, tuple[str, int | None]]:
        """By number of replica, where it answers: `http://host:port` or `unix:path`, and the user whose the socket must
        be."""
        replicas = [one for one in self.driver.observe(self.ref).replicas if one.state == "ready" and one.endpoints]
        return {one.number: (one.endpoints[0].address, one.user) for one in replicas}

    def usage(self) -> list[Usage]:
        """What the replicas have used so far; empty where the target cannot tell."""
        self._look_after()
        driver = self.driver
        return driver.usage(self.ref) if isinstance(driver, MeasuresUsage) else []

    def log(self) -> str:
        """The end of what the first replica printed."""
        return self.driver.logs(self.ref, -LOG_TAIL)[0]

    def stop(self) -> None:
        """End what runs, and wait for it. Raises `TargetUnavailable` where it does not end."""
        until = time.monotonic() + END_SECONDS
        self.driver.stop(self.ref)
        while self.driver.observe(self.ref).is_live:
            if time.monotonic() > until:
                raise TargetUnavailable(f"What ran for {self.row.purpose} does not end.")
            time.sleep(LOOK_SECONDS)
            self.driver.stop(self.ref)
            self._look_after()
        self.driver.stop(self.ref)  # and clears up after what has just ended

    def _look_after(self) -> None:
        self.check()
        if time.monotonic() - self._renewed_at > RENEW_SECONDS:
            self._renewed_at = time.monotonic()
            IsolatedRun.objects.filter(pk=self.row.pk).update(lease_until=_lease())

    def _raise_failure(self, found: Observation) -> None:
        ended = next((one for one in found.replicas if one.state in ("failed", "dead")), None)
        if ended is not None:
            raise IsolatedRunFailed(_cause(ended, self.log()))


def _cause(ended: Replica, log: str) -> dict[str, Any]:
    failure = ended.failure
    if failure is None:
        return cause_of("worker_crashed", evidence=log)
    return cause_of(failure.reason, failure.message, evidence=failure.evidence or log, hint=failure.hint)


def _cold_start(found: Observation, asked_at: float) -> float:
    if found.ready_at and found.started_at:
        return max(found.ready_at - found.started_at, 0.0)
    return time.time() - asked_at


def _lease() -> Any:
    return timezone.now() + timedelta(seconds=LEASE_SECONDS)


@contextmanager
def isolated_run(
    workspace: Workspace,
    target: Target,
    purpose: str,
    prepared: Prepared,
    config: Any,
    check: Callable[[], None] = lambda: None,
) -> Iterator[Run]:
    """A run that is removed when the block ends, however it ends. What an earlier attempt of the same purpose has left
    goes first, so that two are never measured as one."""
    for left in IsolatedRun.objects.filter(purpose=purpose, workspace=workspace).select_related("target", "workspace"):
        remove(left, wait=True)
    row = IsolatedRun.objects.create(workspace=workspace, target=target, purpose=purpose, lease_until=_lease())
    try:
        yield Run(row, prepared, config, check)
    finally:
        remove(row, wait=True)


def remove(row: IsolatedRun, *, wait: bool = False) -> bool:
    """Take a step towards nothing being left of it, and forget the row when nothing is; with `wait`, for as long as its
    end may take. False while something is left: the sweep goes on."""
    ref, driver = ref_of_run(row.pk, row.workspace.slug, row.purpose), driver_for(row.target)
    until = time.monotonic() + (END_SECONDS if wait else 0.0)
    while True:
        try:
            driver.remove(ref)
            if not driver.holds(ref):
                IsolatedRun.objects.filter(pk=row.pk).delete()
                return True
        except (Obstacle, TargetUnavailable):
            return False
        if time.monotonic() >= until:
            return False
        time.sleep(LOOK_SECONDS)


def sweep() -> int:
    """Take a step towards the end of each run that nobody looks after any more; gives how many there are."""
    left = IsolatedRun.objects.filter(lease_until__lt=timezone.now()).select_related("target", "workspace")
    return sum(not remove(row) for row in left)
