"""A driver that runs nothing and misbehaves on purpose, for tests of the loop: everything takes one look.

The setting `behaviour` of the target chooses how it behaves, see `BEHAVIOURS`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from deployments.recipe.spec import InstanceRef, InstanceSpec
from deployments.targets.base import (
    LOG_CHUNK,
    Endpoint,
    Failure,
    NoRoom,
    Observation,
    Route,
    TargetRef,
    TargetUnavailable,
)
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
class World:
    """What the drivers of a fake target share: what runs there, by id of the instance. `behaving` holds behaviours of
    single revisions, for those that differ from the target's."""

    clock: Callable[[], float] = time.time
    running: dict[int, Observation] = field(default_factory=dict)
    specs: dict[int, InstanceSpec] = field(default_factory=dict)
    looks: dict[int, int] = field(default_factory=dict)
    routes: dict[int, Route] = field(default_factory=dict)  # by id of the service, as known last
    serving: set[int] = field(default_factory=set)  # instances that are to answer at their service's address
    busy: dict[int, int] = field(default_factory=dict)  # connections of an instance that has been drained
    behaving: dict[int, str] = field(default_factory=dict)
    starts: int = 0

    def kill(self, instance_id: int) -> None:
        """What `kill -9` would do."""
        found = self.running[instance_id]
        failure = Failure("worker_crashed", "The server was ended by SIGKILL.", "log")
        self.running[instance_id] = replace(
            found, state="dead", ended_at=self.clock(), failure=failure, serving=False, endpoints=()
        )

    def who_answers(self, service_id: int) -> list[int]:
        """Revisions that answer at the service's address."""
        here = [spec for key, spec in self.specs.items() if key in self.serving and spec.ref.service_id == service_id]
        return [spec.ref.revision for spec in here if self._is_ready(spec.ref.instance_id)]

    def _is_ready(self, instance_id: int) -> bool:
        return instance_id in self.running and self.running[instance_id].state == "ready"


@dataclass
class FakeDriver:
    world: World = field(default_factory=World)
    behaviour: str = "good"
    resync_seconds: float = 60.0

    def check(self) -> list[str]:
        return [] if self.behaviour in BEHAVIOURS else [f"There is no behaviour '{self.behaviour}'."]

    def apply(self, spec: InstanceSpec) -> None:
        if self._behaviour(spec.ref) == "full":
            raise NoRoom("The fake target is full on purpose.")
        if self._behaviour(spec.ref) == "away":
            raise TargetUnavailable("The fake target is away on purpose.")
        world, key = self.world, spec.ref.instance_id
        before, old = world.running.get(key), world.specs.get(key)
        world.specs[key] = spec
        same = old is not None and old.recipe == spec.recipe
        if before and before.is_live and same:
            return
        again = bool(before and same and old and old.generation == spec.generation)
        self._start(spec, before.restarts + 1 if before and again else 0)

    def observe(self, ref: InstanceRef) -> Observation:
        world, key = self.world, ref.instance_id
        found = world.running.get(key)
        if found is None:
            return ABSENT
        world.looks[key] += 1
        found = self._next(found, ref)
        ready = found.state == "ready"
        connections = 0 if key in world.serving else world.busy.get(key, 0)
        found = replace(found, serving=ready and key in world.serving, connections=connections if ready else 0)
        world.running[key] = found
        return found

    def route(self, route: Route) -> None:
        self.world.routes[route.service_id] = route
        if route.instance:
            self.world.serving.add(route.instance.instance_id)

    def drain(self, ref: InstanceRef) -> None:
        self.world.serving.discard(ref.instance_id)

    def stop(self, ref: InstanceRef) -> None:
        self.world.running.pop(ref.instance_id, None)
        self.world.serving.discard(ref.instance_id)

    def remove(self, ref: InstanceRef) -> None:
        self.stop(ref)
        self.world.specs.pop(ref.instance_id, None)

    def holds(self, ref: InstanceRef) -> bool:
        return ref.instance_id in self.world.specs

    def logs(self, ref: InstanceRef, offset: int = 0, limit: int = LOG_CHUNK) -> tuple[str, int]:
        text = f"revision {ref.revision} starts\n" if self.holds(ref) else ""
        start = max(0, len(text) + offset) if offset < 0 else min(offset, len(text))
        return text[start : start + limit], min(len(text), start + limit)

    def _start(self, spec: InstanceSpec, restarts: int) -> None:
        self.world.starts += 1
        self.world.looks[spec.ref.instance_id] = 0
        self.world.running[spec.ref.instance_id] = Observation(
            "starting", revision=spec.ref.revision, restarts=restarts, started_at=self.world.clock()
        )

    def _next(self, found: Observation, ref: InstanceRef) -> Observation:
        """What a look at an instance finds, given how it behaves and how often it was looked at."""
        if not found.is_live:
            return found
        behaviour, looks, now = self._behaviour(ref), self.world.looks[ref.instance_id], self.world.clock()
        if behaviour == "failing":
            failure = Failure("init_failed", "init() raised KeyError: 'weights'", "Traceback …")
            return replace(found, state="failed", ended_at=now, failure=failure)
        dies = behaviour == "crashing" or (behaviour == "flapping" and looks > 1)
        if dies:
            failure = Failure("worker_crashed", "The server was ended by SIGSEGV.", "log")
            return replace(found, state="dead", ended_at=now, failure=failure, endpoints=())
        waits = behaviour == "never" or (behaviour == "slow" and looks <= SLOW_LOOKS)
        if waits:
            return found
        endpoint = Endpoint("http", f"http://fake.example:{10_000 + ref.instance_id}")
        return replace(found, state="ready", ready_at=found.ready_at or now, endpoints=(endpoint,))

    def _behaviour(self, ref: InstanceRef) -> str:
        return self.world.behaving.get(ref.revision, self.behaviour)


def register_fake(world: World) -> None:
    """Make the kind `fake` known; all its targets are in `world`."""

    def make(target: TargetRef) -> FakeDriver:
        return FakeDriver(world, target.settings["behaviour"])

    settings = (Setting("behaviour", "Behaviour", default="good", help="How it misbehaves."),)
    register(TargetKind("fake", "Fake", make, settings, needs_ports=True))


def unregister_fake() -> None:
    unregister("fake")
