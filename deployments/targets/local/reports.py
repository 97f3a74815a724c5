"""What a run folder tells about its replica."""

import http.client
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from deployments.targets.local.endings import failure_of
from deployments.targets.local.run_folder import Launch, RunFolder
from deployments.targets.observation import Endpoint, Replica
from scoring.contract import Status

PROBE_SECONDS = 1.0


def report(folder: RunFolder, number: int, launch: Launch, status: Status | None) -> Replica:
    """A living replica: what it says of itself, and whether it answers."""
    if folder.stopping.exists() or (status and status.state == "stopping"):
        return Replica(number, "stopping", **common(launch, status))
    if status is None or status.state == "starting":
        return Replica(number, "starting", **common(launch, status), failure=launch.failure)
    if status.state == "failed":
        failure = failure_of(folder, launch, status, oom_kills=0)
        ended_at = folder.status.lstat().st_mtime
        return Replica(number, "failed", **common(launch, status), ended_at=ended_at, failure=failure)
    endpoints = endpoints_of(launch, status)
    return Replica(
        number,
        "ready" if endpoints and answers(endpoints[0].address) else "unreachable",
        **common(launch, status),
        endpoints=endpoints,
        serving=status.serving or not launch.on_request,
        connections=status.connections,
    )


def common(launch: Launch, status: Status | None) -> dict[str, Any]:
    """What is told of every replica that was launched."""
    return {
        "revision": launch.revision,
        "restarts": launch.restarts,
        "started_at": launch.started_at,
        "ready_at": status.ready_at if status else None,
        "walls": launch.walls,
        "user": launch.user,
        "readable": tuple(launch.readable),
    }


def endpoints_of(launch: Launch, status: Status) -> tuple[Endpoint, ...]:
    """Where it answers by itself, HTTP first; what does not serve on request has the service's address alone.

    Only the ports are taken from what it says: user code may have written that, and the studio connects there.
    """
    if not launch.on_request:
        return (Endpoint("http", f"http://127.0.0.1:{status.port}"),)
    http, grpc = (_port(status.endpoints.get(protocol, "")) for protocol in ("http", "grpc"))
    if http is None:
        return ()
    more = () if grpc is None else (Endpoint("grpc", f"127.0.0.1:{grpc}"),)
    return (Endpoint("http", f"http://127.0.0.1:{http}"), *more)


def _port(address: str) -> int | None:
    """Of a URL or of host:port."""
    with suppress(ValueError):
        return urlsplit(f"//{address.rpartition('//')[2]}").port
    return None


def answers(url: str) -> bool:
    """Any answer counts: whether it is a good one, the metrics tell."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()
