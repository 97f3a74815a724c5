"""What a service's people read: the build's log, the server's log, and the two as one while it is being deployed."""

from deployments.builds import builds
from deployments.control.facts import build_of, latest_instance, wanted_revision
from deployments.models import Build, Service
from deployments.recipe.spec import ref_of
from deployments.targets import driver_for
from deployments.targets.log_files import read_from
from studio.core.jobs import JobState


def service_log(service: Service, offset: int) -> tuple[str, int]:
    """What the server and the script printed."""
    instance = latest_instance(service)
    if instance is None:
        return "", 0
    instance.service = service
    return driver_for(service.target).logs(ref_of(instance), offset)


def build_log(service: Service, offset: int) -> tuple[str, int]:
    """What the wanted revision's build printed."""
    build = _build(service)
    return read_from(builds.log_path(build), offset) if build else ("", 0)


def whole_log(service: Service, offset: int) -> tuple[str, int]:
    """The build's log and then the server's, as if they were one file: how a deployment went, read in one place."""
    build = _build(service)
    path = builds.log_path(build) if build else None
    size = path.stat().st_size if path and path.exists() else 0
    if path and offset < size:
        return read_from(path, offset)
    if build is None or build.state != JobState.SUCCEEDED:
        return "", size
    text, end = service_log(service, max(0, offset - size))
    return text, size + end


def _build(service: Service) -> Build | None:
    wanted = wanted_revision(service)
    return build_of(wanted) if wanted else None
