"""What a service's people read: the build's log, the server's log, and the two as one while it is being deployed."""

from collections.abc import Callable
from functools import partial

from deployments.builds import builds
from deployments.control.facts import build_of, instances_of, latest_instance, wanted_revision
from deployments.models import Build, Instance, Service
from deployments.recipe.spec import ref_of
from deployments.targets import driver_for
from deployments.targets.log_files import read_from
from studio.core.jobs import JobState

Read = Callable[[int], tuple[str, int]]  # of an offset (negative: from the end), gives text and the offset to go on at
TAIL_BYTES = 64 * 1024


def service_log(service: Service, offset: int, revision: int | None = None, replica: int = 1) -> tuple[str, int]:
    """What the server and the script printed, of that revision or of the one that is wanted."""
    instance = instance_with_log(service, revision)
    if instance is None:
        return "", 0
    instance.service = service
    return driver_for(service.target).logs(ref_of(instance), offset, replica=replica)


def instance_with_log(service: Service, revision: int | None) -> Instance | None:
    """Of that revision, or of the one that is wanted."""
    return latest_instance(service) if revision is None else _instance_of(service, revision)


def revisions_with_log(service: Service) -> list[int]:
    """Numbers of the revisions whose instances, and with them their logs, are kept; the newest first."""
    return sorted({instance.revision.number for instance in instances_of(service)}, reverse=True)


def build_log(service: Service, offset: int) -> tuple[str, int]:
    """What the wanted revision's build printed."""
    build = _build(service)
    return read_from(builds.log_path(build), offset) if build else ("", 0)


def whole_log(service: Service, offset: int) -> tuple[str, int]:
    """The build's log and then the server's, as if they were one file: how a deployment went, read in one place."""
    build = _build(service)
    size = _log_size(build)
    if build and offset < size:
        return read_from(builds.log_path(build), offset)
    if build is None or build.state != JobState.SUCCEEDED:
        return "", size
    text, end = service_log(service, max(0, offset - size))
    return text, size + end


def tail(read: Read, size: int = TAIL_BYTES) -> tuple[str, int]:
    """Whole lines of the last `size` bytes, and the offset to go on at."""
    text, offset = read(-size)
    pieces = [text]
    while text:
        text, offset = read(offset)
        pieces.append(text)
    found = "".join(pieces)
    return (found.partition("\n")[2] if len(found.encode()) >= size else found), offset


def whole_tail(service: Service) -> tuple[str, int]:
    """The end of `whole_log`, and the offset to go on at there."""
    build = _build(service)
    built, size = tail(partial(build_log, service))
    if build is None or build.state != JobState.SUCCEEDED:
        return built, size
    served, end = tail(partial(service_log, service))
    return built + served, size + end


def whole_lines(text: str, offset: int) -> tuple[str, int]:
    """`text` up to the end of its last whole line, and the offset behind that. A lone line without an end stays."""
    lines, newline, rest = text.rpartition("\n")
    return (lines + newline, offset - len(rest.encode())) if newline else (text, offset)


def _instance_of(service: Service, revision: int) -> Instance | None:
    return next((one for one in instances_of(service) if one.revision.number == revision), None)


def _log_size(build: Build | None) -> int:
    path = builds.log_path(build) if build else None
    return path.stat().st_size if path and path.exists() else 0


def _build(service: Service) -> Build | None:
    wanted = wanted_revision(service)
    return build_of(wanted) if wanted else None
