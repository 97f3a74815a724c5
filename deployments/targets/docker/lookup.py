"""The containers of a target, by one call for all of them.

A list is used again for a moment, so that a look at many instances costs one call. Who changes something forgets it;
another process' change is seen after that moment, which comes to the same as looking a little earlier.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from deployments.engines import EngineClient, EngineProblem
from deployments.recipe.spec import InstanceRef
from deployments.targets.docker.names import INSTANCE, REPLICA, Owner, chosen

FRESH_SECONDS = 0.2
AWAY_SECONDS = 5.0  # an engine that has not answered is not asked again at once: each try may take its whole time


@dataclass(frozen=True)
class Found:
    """A container as a list tells it. `ports`: published ones, by the port inside."""

    id: str
    name: str
    state: str  # created, running, paused, restarting, removing, exited, dead
    labels: dict[str, str]
    ports: dict[int, int]

    @property
    def is_live(self) -> bool:
        return self.state in {"running", "paused", "restarting"}


class Lookup:
    """`client`: called when it is needed, as it may raise `EngineProblem`."""

    def __init__(self, client: Callable[[], EngineClient], owner: Owner) -> None:
        self._client, self._owner = client, owner
        self._lock = Lock()
        self._read_at = 0.0
        self._kept: dict[tuple[int, int], Found] = {}
        self._problem: EngineProblem | None = None  # of the last try, which was at `_tried_at`
        self._tried_at = 0.0

    def replicas(self, ref: InstanceRef, *, fresh: bool = False) -> dict[int, Found]:
        """The containers of an instance, by number of replica. Raises `EngineProblem`."""
        found = self._all(fresh=fresh)
        return {number: one for (instance, number), one in found.items() if instance == ref.instance_id}

    def forget(self) -> None:
        """Something has been changed."""
        with self._lock:
            self._read_at = 0.0

    def _all(self, *, fresh: bool) -> dict[tuple[int, int], Found]:
        with self._lock:
            if fresh or time.monotonic() - self._read_at > FRESH_SECONDS:
                self._read()
            return self._kept

    def _read(self) -> None:
        if self._problem is not None and time.monotonic() - self._tried_at < AWAY_SECONDS:
            raise EngineProblem(*self._problem.facts)
        try:
            rows = self._client().containers(all=True, filters=chosen(self._owner.labels))
        except EngineProblem as problem:
            self._problem, self._tried_at = problem, time.monotonic()
            raise
        self._problem = None
        self._kept = _by_replica([_found(row) for row in rows])
        self._read_at = time.monotonic()


def _by_replica(rows: list[Found]) -> dict[tuple[int, int], Found]:
    """Of two containers of one replica, which a person may have made, one that lives counts."""
    kept: dict[tuple[int, int], Found] = {}
    for row in rows:
        try:
            key = int(row.labels[INSTANCE]), int(row.labels[REPLICA])
        except (KeyError, ValueError):
            continue
        if key not in kept or (row.is_live and not kept[key].is_live):
            kept[key] = row
    return kept


def _found(row: dict[str, Any]) -> Found:
    published = {one["PrivatePort"]: one["PublicPort"] for one in row.get("Ports") or () if one.get("PublicPort")}
    name = (row.get("Names") or ["/"])[0].lstrip("/")
    return Found(row["Id"], name, row["State"], row.get("Labels") or {}, published)
