"""The replicas of a service's instances as REST answers and pages show them: plain values."""

from datetime import UTC, datetime
from typing import Any

from deployments.control.facts import instances_of
from deployments.control.notes import Notes
from deployments.models import Instance, InstanceDesired, Service
from deployments.targets.observation import Replica


def describe_instances(service: Service) -> list[dict[str, Any]]:
    """Those that should run, in order of their revisions."""
    return [_described(one) for one in instances_of(service) if one.desired == InstanceDesired.RUNNING]


def numbers_of(instance: Instance) -> list[int]:
    """Of the replicas that should run or have been seen."""
    found = {one.number for one in Notes.of(instance).observation.replicas}
    return sorted(found | set(range(1, instance.replicas + 1)))


def _described(instance: Instance) -> dict[str, Any]:
    found = Notes.of(instance).observation
    shown = [*found.first(instance.replicas), *found.beyond(instance.replicas)]
    return {
        "revision": instance.revision.number,
        "state": instance.phase,
        "desired_replicas": instance.replicas,
        "ready_replicas": found.ready(instance.replicas),
        "replicas": [_replica(one, instance.replicas) for one in shown],
    }


def _replica(found: Replica, wanted: int) -> dict[str, Any]:
    """`state`: one beyond the wanted ones is ending, whatever else it says."""
    return {
        "number": found.number,
        "state": found.state if found.number <= wanted else "ending",
        "restarts": found.restarts,
        "started_at": datetime.fromtimestamp(found.started_at, UTC) if found.started_at else None,
        "message": found.failure.message if found.failure else "",
    }
