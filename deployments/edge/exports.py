"""Exports: asked for by people, made by a worker, removed after a while."""

import hashlib
import io
import logging
import os

from django.db import transaction
from django.db.models import QuerySet

from deployments.builds.bundles import Content, make_bundle
from deployments.causes import cause_of_error
from deployments.edge.archive import write_archive
from deployments.events import REVISION_EXPORTED
from deployments.models import EdgeExport, Revision, Service
from registry.environments import environments
from studio.accounts.models import User
from studio.activity.recording import record
from studio.core.enqueue import create_job
from studio.core.errors import NotFound, SlipwayError
from studio.core.job_heartbeat import Heartbeat, LeaseLost
from studio.core.jobs import JobState

log = logging.getLogger(__name__)

PIECE = 1 << 20


def request_export(service: Service, actor: User, number: int | None = None) -> EdgeExport:
    """A new export of a revision (None: the wanted one); one that is under way is given instead of another.

    What is not built on this machine is built first. Raises `NotFound` for a number that there is not.
    """
    revision = revision_of(service, number)
    under_way = EdgeExport.objects.unfinished().filter(revision=revision).first()
    return under_way or create_job(EdgeExport, service=service, revision=revision, requested_by=actor)


def revision_of(service: Service, number: int | None = None) -> Revision:
    """A revision by its number (None: the wanted one). Raises `NotFound`."""
    wanted = service.wanted_revision if number is None else number
    found: Revision | None = service.revisions.select_related("config__environment").filter(number=wanted).first()
    if found is None:
        raise NotFound(f"'{service.name}' has no revision {wanted}.", field="revision")
    return found


def exports_of(service: Service) -> QuerySet[EdgeExport]:
    """The newest first."""
    return service.edge_exports.select_related("service", "revision", "requested_by").order_by("-id")


def find_export(service: Service, pk: int) -> EdgeExport:
    """Raises `NotFound`."""
    found = exports_of(service).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"'{service.name}' has no export {pk}.")
    return found


def run(export: EdgeExport, heartbeat: Heartbeat) -> None:
    """Do it. Safe to repeat, and to kill at any line: the file gets its name when it is whole."""
    try:
        _build(export, heartbeat)
        digest, size = _write(export, heartbeat)
    except LeaseLost:
        raise
    except Exception as error:
        if not isinstance(error, SlipwayError):
            log.exception("%s failed", export)
        export.end(JobState.FAILED, error=cause_of_error(error))
    else:
        with transaction.atomic():
            if export.end(JobState.SUCCEEDED, digest=digest, size_bytes=size):
                service, number = export.service, export.revision.number
                record(
                    REVISION_EXPORTED,
                    service,
                    workspace=service.workspace,
                    actor=export.requested_by,
                    revision=number,
                )


def _build(export: EdgeExport, heartbeat: Heartbeat) -> None:
    """Bundle and environment, where this machine does not have them (any more)."""
    revision, log = export.revision, io.StringIO()
    heartbeat.step("building", 0.02)
    if revision.config.environment is not None:
        environments.install(revision.config.environment, log, cancelled=heartbeat.is_lost)
    make_bundle(Content.of(revision), log)
    heartbeat.step("packing", 0.05)


def _write(export: EdgeExport, heartbeat: Heartbeat) -> tuple[str, int]:
    export.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = export.path.with_suffix(f".{export.attempt}.draft")
    try:
        with draft.open("w+b") as file:
            write_archive(export.revision, file, lambda share: heartbeat.note("packing", 0.05 + 0.9 * share))
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.seek(0, os.SEEK_END)
        draft.replace(export.path)
    finally:
        draft.unlink(missing_ok=True)
    return digest, size
