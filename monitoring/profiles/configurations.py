"""A search's configurations as deployment options, and the room that is searched. Pure."""

from collections.abc import Mapping
from typing import Any

from deployments.config import deployment_config
from deployments.config.options import GIB, DeploymentConfig
from monitoring.profiling.measure import Configuration, Goal, Limits

REPLICAS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
THREADS = (1, 2, 4, 8, 16, 32)
BATCH_ROWS = (1, 8, 32)
SHARES = (0.25, 0.5)  # of a core
ROOMY_GB = 4.0  # that a replica may use while it is measured, where nobody has said how much: its need is to be seen
FIXED = ("min_replicas", "max_replicas", "target_utilization")  # how many replicas there are, the search decides


def limits_of(given: Mapping[str, Any], cores: int, *, batches: bool, has_quotas: bool = False) -> Limits:
    """What is searched: `given` are the limits that people have set, `cores` those of the machine, where they set none.
    `batches`: whether the model can run several requests at once. `has_quotas`: whether the target holds a replica to
    less than a core."""
    most = int(given.get("cpu") or cores)
    replicas = int(given.get("replicas") or most)
    return Limits(
        replicas=tuple(number for number in REPLICAS if number <= min(replicas, most)),
        threads=tuple(number for number in THREADS if number <= most),
        batch_rows=BATCH_ROWS if batches else (1,),
        shares=SHARES if has_quotas else (),
        cores=most,
        memory=int(given["memory_gb"] * GIB) if given.get("memory_gb") else None,
        seconds=float(given["seconds"]),
    )


def goal_of(given: Mapping[str, Any]) -> Goal:
    return Goal(p99=given["p99"], rate=given["rate"])


def options_of(base: Mapping[str, Any], one: Configuration, memory_gb: float | None = None) -> DeploymentConfig:
    """The options of `base` with the configuration in their place; a replica may use `memory_gb`."""
    return deployment_config.complete(changed_options(base, one, memory_gb))


def changed_options(base: Mapping[str, Any], one: Configuration, memory_gb: float | None = None) -> dict[str, Any]:
    """The same as a deployment config as people give it."""
    server = dict(base.get("server") or {})
    if one.batch_rows > 1 or server.get("batching"):
        server["batching"] = dict(server.get("batching") or {}) | {"rows": one.batch_rows}
    chosen = {"replicas": one.replicas, "cpu": one.cpu, "server": server} | dict(one.options)
    if one.concurrency:
        chosen["concurrency"] = one.concurrency
    if memory_gb:
        chosen["memory_gb"] = memory_gb
    return {name: value for name, value in base.items() if name not in FIXED} | chosen
