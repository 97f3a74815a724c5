"""A driver that runs nothing and misbehaves on purpose, for tests of the loop: everything takes one look.

The setting `behaviour` of the target chooses how it behaves, see `BEHAVIOURS`.
"""

import time
from dataclasses import dataclass, field, replace
from typing import Any

from deployments.recipe.spec import ServiceSpec
from deployments.targets.base import LOG_CHUNK, Failure, NoRoom, Observation, TargetAway, TargetRef
from deployments.targets.kinds import Setting, TargetKind, register, unregister

BEHAVIOURS = {
    "good": "ready at the first look",
    "slow": "ready at the fourth look",
    "never": "starting for ever",
    "failing": "init() raises at every start",
    "crashing": "dies at every start without a word",
    "flapping": "ready and dead in turns",
    "full": "no room for anything",
    "away": "does not answer at all",
}
SLOW_LOOKS = 3
ABSENT = Observation("absent")


@dataclass
class FakeDriver:
    """Keeps its 'processes' in memory."""

    behaviour: str = "good"
    resync_seconds: float = 60.0
    clock: Any = time.time
    running: dict[int, Observation] = field(default_factory=dict)
    specs: dict[int, ServiceSpec] = field(default_factory=dict)
    looks: dict[int, int] = field(default_factory=dict)
    starts: int = 0

    def check(self) -> list[str]:
        return [] if self.behaviour in BEHAVIOURS else [f"There is no behaviour '{self.behaviour}'."]

    def apply(self, spec: ServiceSpec) -> None:
        if self.behaviour == "full":
            raise NoRoom("The fake target is full on purpose.")
        if self.behaviour == "away":
            raise TargetAway("The fake target is away on purpose.")
        before, old = self.running.get(spec.service_id), self.specs.get(spec.service_id)
        self.specs[spec.service_id] = spec
        same = old is not None and (old.revision, old.recipe, old.port) == (spec.revision, spec.recipe, spec.port)
        if before and before.is_live and same:
            return
        again = bool(before and same and old and old.generation == spec.generation)
        self._start(spec, before.restarts + 1 if before and again else 0)

    def observe(self, service_id: int) -> Observation:
        found = self.running.get(service_id)
        if found is None:
            return ABSENT
        self.looks[service_id] += 1
        found = self.running[service_id] = self._next(found, self.looks[service_id])
        return found

    def stop(self, service_id: int) -> None:
        self.running.pop(service_id, None)

    def remove(self, service_id: int) -> None:
        self.running.pop(service_id, None)
        self.specs.pop(service_id, None)

    def holds(self, service_id: int) -> bool:
        return service_id in self.specs

    def logs(self, service_id: int, offset: int = 0, limit: int = LOG_CHUNK) -> tuple[str, int]:
        spec = self.specs.get(service_id)
        text = f"revision {spec.revision} starts\n" if spec else ""
        start = max(0, len(text) + offset) if offset < 0 else min(offset, len(text))
        return text[start : start + limit], min(len(text), start + limit)

    def kill(self, service_id: int) -> None:
        """What `kill -9` would do."""
        found = self.running[service_id]
        failure = Failure("worker_crashed", "The server was ended by SIGKILL.", "log")
        self.running[service_id] = replace(found, state="dead", ended_at=self.clock(), failure=failure)

    def _start(self, spec: ServiceSpec, restarts: int) -> None:
        self.starts += 1
        self.looks[spec.service_id] = 0
        self.running[spec.service_id] = Observation(
            "starting",
            revision=spec.revision,
            recipe=spec.recipe,
            pid=4000 + self.starts,
            port=spec.port,
            restarts=restarts,
            started_at=self.clock(),
        )

    def _next(self, found: Observation, looks: int) -> Observation:
        """What a look at a process finds, given how it behaves and how often it was looked at."""
        if not found.is_live:
            return found
        behaviour = self.behaviour
        if behaviour == "failing":
            failure = Failure("init_failed", "init() raised KeyError: 'weights'", "Traceback …")
            return replace(found, state="failed", ended_at=self.clock(), failure=failure)
        dies = behaviour == "crashing" or (behaviour == "flapping" and looks > 1)
        if dies:
            failure = Failure("worker_crashed", "The server was ended by SIGSEGV.", "log")
            return replace(found, state="dead", ended_at=self.clock(), failure=failure)
        waits = behaviour == "never" or (behaviour == "slow" and looks <= SLOW_LOOKS)
        return found if waits else replace(found, state="ready", ready_at=found.ready_at or self.clock())


def register_fake(driver: FakeDriver) -> None:
    """Make the kind `fake` known; its targets share `driver`, which behaves as the target driven last asks for."""

    def make(target: TargetRef) -> FakeDriver:
        driver.behaviour = target.settings["behaviour"]
        return driver

    settings = (Setting("behaviour", "Behaviour", default="good", help="How it misbehaves."),)
    register(TargetKind("fake", "Fake", make, settings, needs_ports=True))


def unregister_fake() -> None:
    unregister("fake")
