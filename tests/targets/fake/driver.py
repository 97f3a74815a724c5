"""A driver that runs nothing and misbehaves on purpose, for tests of the loop: everything takes one look.

The setting `behaviour` of the target chooses how it behaves, see `BEHAVIOURS`.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from deployments.recipe.spec import InstanceRef, InstanceSpec
from deployments.targets.base import LOG_CHUNK, NoRoom, Route, TargetRef, TargetUnavailable
from deployments.targets.kinds import Setting, TargetKind, register, unregister
from deployments.targets.observation import Endpoint, Failure, Observation, Replica

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


Key = tuple[int, int]  # id of an instance, number of a replica


@dataclass
class World:
    """What the drivers of a fake target share: what runs there. `behaving` holds behaviours of single revisions,
    `behaving_replicas` of single numbers, for those that differ from the target's."""

    clock: Callable[[], float] = time.time
    running: dict[Key, Replica] = field(default_factory=dict)
    specs: dict[int, InstanceSpec] = field(default_factory=dict)  # by id of the instance
    looks: dict[Key, int] = field(default_factory=dict)
    routes: dict[int, Route] = field(default_factory=dict)  # by id of the service, as known last
    serving: set[int] = field(default_factory=set)  # instances that are to answer at their service's address
    busy: dict[int, int] = field(default_factory=dict)  # connections of an instance that has been drained
    behaving: dict[int, str] = field(default_factory=dict)
    behaving_replicas: dict[int, str] = field(default_factory=dict)
    starts: int = 0

    def kill(self, instance_id: int, number: int = 1) -> None:
        """What `kill -9` would do."""
        found = self.running[instance_id, number]
        failure = Failure("worker_crashed", "The server was ended by SIGKILL.", "log")
        self.running[instance_id, number] = replace(
            found, state="dead", ended_at=self.clock(), failure=failure, serving=False, endpoints=()
        )

    def numbers(self, instance_id: int) -> list[int]:
        """Of the replicas that are there, also of those that have ended."""
        return sorted(number for key, number in self.running if key == instance_id)

    def who_answers(self, service_id: int) -> list[int]:
        """Revisions that answer at the service's address."""
        here = [spec for key, spec in self.specs.items() if key in self.serving and spec.ref.service_id == service_id]
        return [spec.ref.revision for spec in here if self._is_ready(spec.ref.instance_id)]

    def _is_ready(self, instance_id: int) -> bool:
        return any(self.running[instance_id, number].state == "ready" for number in self.numbers(instance_id))


@dataclass
class FakeDriver:
    world: World = field(default_factory=World)
    behaviour: str = "good"
    resync_seconds: float = 60.0

    def check(self) -> list[str]:
        return [] if self.behaviour in BEHAVIOURS else [f"There is no behaviour '{self.behaviour}'."]

    def apply(self, spec: InstanceSpec, *, keep: int = 0, paused: Collection[int] = ()) -> None:
        if self._behaviour(spec.ref) == "full":
            raise NoRoom("The fake target is full on purpose.")
        if self._behaviour(spec.ref) == "away":
            raise TargetUnavailable("The fake target is away on purpose.")
        world, key = self.world, spec.ref.instance_id
        old, world.specs[key] = world.specs.get(key), spec
        for number in world.numbers(key):
            if number > max(spec.replicas, keep):
                del world.running[key, number]
        for number in range(1, spec.replicas + 1):
            if number not in paused:
                self._apply_one(spec, old, number)

    def observe(self, ref: InstanceRef) -> Observation:
        return Observation(tuple(self._look(ref, number) for number in self.world.numbers(ref.instance_id)))

    def route(self, route: Route) -> None:
        self.world.routes[route.service_id] = route
        if route.instance:
            self.world.serving.add(route.instance.instance_id)

    def drain(self, ref: InstanceRef) -> None:
        self.world.serving.discard(ref.instance_id)

    def stop(self, ref: InstanceRef) -> None:
        for number in self.world.numbers(ref.instance_id):
            del self.world.running[ref.instance_id, number]
        self.world.serving.discard(ref.instance_id)

    def remove(self, ref: InstanceRef) -> None:
        self.stop(ref)
        self.world.specs.pop(ref.instance_id, None)

    def holds(self, ref: InstanceRef) -> bool:
        return ref.instance_id in self.world.specs

    def logs(self, ref: InstanceRef, offset: int = 0, limit: int = LOG_CHUNK, *, replica: int = 1) -> tuple[str, int]:
        which = f", replica {replica}" if replica > 1 else ""
        was_started = self.holds(ref) and (ref.instance_id, replica) in self.world.looks
        text = f"revision {ref.revision} starts{which}\n" if was_started else ""
        start = max(0, len(text) + offset) if offset < 0 else min(offset, len(text))
        return text[start : start + limit], min(len(text), start + limit)

    def _apply_one(self, spec: InstanceSpec, old: InstanceSpec | None, number: int) -> None:
        before = self.world.running.get((spec.ref.instance_id, number))
        same = old is not None and old.recipe == spec.recipe
        if before and before.is_live and same:
            return
        again = bool(before and same and old and old.asked_at == spec.asked_at)
        self._start(spec, number, before.restarts + 1 if before and again else 0)

    def _start(self, spec: InstanceSpec, number: int, restarts: int) -> None:
        self.world.starts += 1
        key = spec.ref.instance_id, number
        self.world.looks[key] = 0
        self.world.running[key] = Replica(
            number, "starting", revision=spec.ref.revision, restarts=restarts, started_at=self.world.clock()
        )

    def _look(self, ref: InstanceRef, number: int) -> Replica:
        world, instance = self.world, ref.instance_id
        world.looks[instance, number] += 1
        found = self._next(world.running[instance, number], ref)
        ready = found.state == "ready"
        connections = 0 if instance in world.serving else world.busy.get(instance, 0)
        found = replace(found, serving=ready and instance in world.serving, connections=connections if ready else 0)
        world.running[instance, number] = found
        return found

    def _next(self, found: Replica, ref: InstanceRef) -> Replica:
        """What a look at a replica finds, given how it behaves and how often it was looked at."""
        if not found.is_live:
            return found
        behaviour = self.world.behaving_replicas.get(found.number) or self._behaviour(ref)
        looks, now = self.world.looks[ref.instance_id, found.number], self.world.clock()
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
        endpoint = Endpoint("http", f"http://replica-{found.number}.fake.example:{10_000 + ref.instance_id}")
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
