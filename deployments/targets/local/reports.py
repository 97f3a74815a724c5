"""What a run folder tells about its service."""

import http.client
from typing import Any

from deployments.targets.base import Observation
from deployments.targets.local.endings import failure_of
from deployments.targets.local.run_folder import Launch, RunFolder
from scoring.contract import Status

PROBE_SECONDS = 1.0


def report(folder: RunFolder, launch: Launch, status: Status | None) -> Observation:
    """A living service: what it says of itself, and whether it answers."""
    if folder.stopping.exists() or (status and status.state == "stopping"):
        return Observation("stopping", **common(launch, status))
    if status is None or status.state == "starting":
        return Observation("starting", **common(launch, status), failure=launch.failure)
    if status.state == "failed":
        failure = failure_of(folder, launch, status, oom_kills=0)
        return Observation("failed", **common(launch, status), ended_at=folder.status.stat().st_mtime, failure=failure)
    return Observation("ready" if answers(status.port) else "unreachable", **common(launch, status))


def common(launch: Launch, status: Status | None) -> dict[str, Any]:
    """What every observation of a launched service tells."""
    return {
        "revision": launch.revision,
        "recipe": launch.recipe,
        "port": launch.port,
        "restarts": launch.restarts,
        "started_at": launch.started_at,
        "pid": status.pid if status else None,
        "ready_at": status.ready_at if status else None,
    }


def answers(port: int) -> bool:
    """Any answer counts: whether it is a good one, the metrics tell."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()
