"""What is told of one replica: by the engine, by its own status, and by whether it answers."""

from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from deployments.targets import log_files
from deployments.targets.docker.lookup import Found
from deployments.targets.docker.places import GRPC_PORT, GRPC_SOCKET, HTTP_PORT, HTTP_SOCKET, Launch, ReplicaFolder
from deployments.targets.observation import Endpoint, Failure, Replica
from deployments.targets.unix_sockets import PREFIX, connect
from scoring.contract import Status

PROBE_SECONDS = 1.0
PROBE = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def running(
    number: int,
    folder: ReplicaFolder,
    launch: Launch,
    status: Status | None,
    endpoints: tuple[Endpoint, ...],
    user: int,
) -> Replica:
    """A container that runs."""
    facts = common(launch, status, user)
    if folder.stopping.exists() or (status and status.state == "stopping"):
        return Replica(number, "stopping", **facts)
    if status is None or status.state == "starting":
        return Replica(number, "starting", **facts, failure=launch.failure)
    if status.state == "failed":
        return Replica(number, "failed", **facts, ended_at=noticed_end(folder), failure=failure_of(folder, status))
    is_there = bool(endpoints) and answers(endpoints[0].address, user)
    return Replica(
        number,
        "ready" if is_there else "unreachable",
        **facts,
        endpoints=endpoints,
        serving=is_there and folder.serving.exists(),
    )


def ended(
    number: int, folder: ReplicaFolder, launch: Launch, status: Status | None, cause: tuple[str, str], user: int
) -> Replica:
    """A container that has ended, or that somebody has removed."""
    if folder.stopping.exists():
        return Replica(number)
    facts = common(launch, status, user) | {"ended_at": noticed_end(folder)}
    if status is not None and status.state == "failed" and status.failure:
        return Replica(number, "failed", **facts, failure=failure_of(folder, status))
    return Replica(number, "dead", **facts, failure=Failure(*cause, evidence=log_files.tail(folder.log)))


def refused(number: int, folder: ReplicaFolder, launch: Launch, user: int) -> Replica:
    """The engine did not make or start it."""
    facts = common(launch, None, user) | {"ended_at": noticed_end(folder)}
    return Replica(number, "failed", **facts, failure=launch.refused)


def common(launch: Launch, status: Status | None, user: int) -> dict[str, Any]:
    """What is told of every replica that was started."""
    return {
        "revision": launch.revision,
        "restarts": launch.restarts,
        "started_at": launch.started_at,
        "ready_at": status.ready_at if status else None,
        "user": user,
    }


def failure_of(folder: ReplicaFolder, status: Status) -> Failure:
    """As it tells it itself."""
    told = status.failure
    if told is None:
        return Failure("internal", "The server failed and did not say why.", log_files.tail(folder.log))
    return Failure(told.reason, told.message, told.evidence or log_files.tail(folder.log), told.hint)


def noticed_end(folder: ReplicaFolder) -> float:
    """When the end was noticed first, on the studio's clock, which is the one that back-offs go by."""
    with suppress(FileExistsError):
        folder.ended.touch(mode=0o600, exist_ok=False)
    return folder.ended.stat().st_mtime


def socket_endpoints(folder: ReplicaFolder, *, grpc: bool) -> tuple[Endpoint, ...]:
    """Of a container that shares its folder."""
    http = Endpoint("http", f"{PREFIX}{folder.work / HTTP_SOCKET}")
    return (http, Endpoint("grpc", f"{PREFIX}{folder.work / GRPC_SOCKET}")) if grpc else (http,)


def port_endpoints(found: Found, address: str) -> tuple[Endpoint, ...]:
    """Of one that is reached at published ports; none where the engine has published none."""
    host = f"[{address}]" if ":" in address else address
    if HTTP_PORT not in found.ports:
        return ()
    http = Endpoint("http", f"http://{host}:{found.ports[HTTP_PORT]}")
    return (http, Endpoint("grpc", f"{host}:{found.ports[GRPC_PORT]}")) if GRPC_PORT in found.ports else (http,)


def answers(address: str, user: int) -> bool:
    """Any answer counts: whether it is a good one, the metrics tell."""
    if address.startswith(PREFIX):
        return _answers_at_socket(Path(address.removeprefix(PREFIX)), user)
    connection = HTTPConnection(address.removeprefix("http://"), timeout=PROBE_SECONDS)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except (OSError, HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()


def _answers_at_socket(path: Path, user: int) -> bool:
    try:
        with connect(str(path), user, PROBE_SECONDS) as opened:
            opened.sendall(PROBE)
            return opened.recv(64).startswith(b"HTTP/1.")
    except OSError:
        return False
