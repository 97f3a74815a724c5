"""Builds: a revision's content made runnable, once per equal content. Environment first, then the bundle, then, for
targets that run images, the image: for these the environment is only locked on this machine."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from deployments import events
from deployments.builds import revision_images
from deployments.builds.bundles import Content, make_bundle
from deployments.builds.device_parts import make_parts, needs_parts
from deployments.causes import cause_of, cause_of_error
from deployments.desired_state import request_advance
from deployments.models import Build, BuiltBundle, Revision
from deployments.recipe.build_paths import build_log_path, bundle_path
from registry.environments import built, environments
from registry.environments.paths import CURATED_HASH, is_installed
from registry.environments.uv import Limits
from studio.accounts.models import User
from studio.activity.recording import record
from studio.core.enqueue import create_job
from studio.core.job_heartbeat import Heartbeat, LeaseLost
from studio.core.jobs import WORKER_LOST, JobState

log = logging.getLogger(__name__)

ENVIRONMENT, BUNDLE, IMAGE, PARTS = "environment", "bundle", "image", "packing"


def build_for(revision: Revision) -> Build:
    """A new build of the revision: succeeded at once when an equal content is built already, else queued.

    Call it in the transaction that makes the revision, or to try again after a failure.
    """
    if use_built(revision):
        now = timezone.now()
        return Build.objects.create(
            revision=revision, state=JobState.SUCCEEDED, step=BUNDLE, progress=1, started_at=now, finished_at=now
        )
    return create_job(Build, revision=revision)


def use_built(revision: Revision) -> bool:
    """Whether everything that the revision needs is built. Says in the rows that it is used from now on, so that the
    collection, which removes only what has not been used for a while, leaves it alone."""
    if revision_images.needs_image(revision.service.target):
        return revision_images.use(revision, revision.service.target)
    environment = revision.config.environment
    digest = environment.definition_hash if environment else CURATED_HASH
    bundles = BuiltBundle.objects.of(revision.content_hash)
    return built.use(digest) and bool(bundles.update(last_used_at=timezone.now()))


def build_again(revision: Revision) -> None:
    """Have a revision built again that counts as built and whose folders have gone from this machine.

    Called by the worker that misses them. A build that has failed is not repeated: people read its error and decide.
    """
    environment = revision.config.environment
    with transaction.atomic():
        revision_images.forget(revision, revision.service.target)
        if not bundle_path(revision.content_hash).exists():
            BuiltBundle.objects.filter(content_hash=revision.content_hash).delete()
        if environment and not is_installed(environment.definition_hash):
            built.forget(environment.definition_hash)
        newest = revision.builds.order_by("pk").last()
        if newest is None or newest.state == JobState.SUCCEEDED:
            create_job(Build, revision=revision)
            request_advance(revision.service)


def log_path(build: Build) -> Path:
    """What the build printed; the file may not exist (yet)."""
    return build_log_path(build.pk)


def run(build: Build, heartbeat: Heartbeat) -> None:
    """Do the build. Safe to repeat, and to kill at any line."""
    if build.attempt > 1:
        _log_line(build, f"\nThe worker was lost; attempt {build.attempt} goes on.")
    try:
        with _log_of(build) as lines:
            _steps(build.revision, heartbeat, lines)
    except LeaseLost:
        _log_line(build, "The build was cancelled or taken over.")
    except Exception as error:  # whatever it was, the row must say so
        _fail(build, error)
    else:
        _succeed(build)


def fail_after_max_attempts(build: Build) -> None:
    """Record that the build failed because its workers died over it. Call it in the transaction that fails the row."""
    _record_end(build, build.error or WORKER_LOST)


def _log_of(build: Build) -> TextIO:
    path = log_path(build)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a", buffering=1)


def _log_line(build: Build, line: str) -> None:
    """Add a line to the log of what the row knows already: a full disk must not keep the row from knowing it."""
    with suppress(OSError), _log_of(build) as lines:
        lines.write(f"{line}\n")


def _steps(revision: Revision, heartbeat: Heartbeat, lines: TextIO) -> None:
    makes_image = revision_images.needs_image(revision.service.target)
    heartbeat.step(ENVIRONMENT, 0.05)
    if revision.config.environment is None:
        lines.write("No environment to make: the model runs without code.\n")
    elif makes_image:
        environments.lock(revision.config.environment, lines, cancelled=heartbeat.is_lost)
    else:
        environments.install(revision.config.environment, lines, cancelled=heartbeat.is_lost)
    heartbeat.step(BUNDLE, 0.2 if makes_image else 0.8)
    make_bundle(Content.of(revision), lines)
    if makes_image:
        heartbeat.step(IMAGE, 0.3)
        limits = Limits(time.monotonic() + settings.SLIPWAY["BUILD_SECONDS"], heartbeat.is_lost)
        revision_images.make_revision_image(revision, revision.service.target, lines, limits)
    if needs_parts(revision.service.target):
        heartbeat.step(PARTS, 0.85)
        make_parts(revision, lines, heartbeat.check)
    heartbeat.step(IMAGE if makes_image else BUNDLE, 0.95)


def _succeed(build: Build) -> None:
    service = build.revision.service
    with transaction.atomic():
        if not build.end(JobState.SUCCEEDED):
            return
        record(events.BUILD_SUCCEEDED, service, workspace=service.workspace, revision=build.revision.number)
        request_advance(service)
    _log_line(build, "Built.")


def _fail(build: Build, error: Exception) -> None:
    cause = cause_of_error(error)
    if cause["code"] == "build_failed":
        log.exception("%s failed", build)
    _end_without_success(build, lambda: build.end(JobState.FAILED, error=cause), cause)
    _log_line(build, f"\nThe build failed: {cause['message']}\n{cause['hint']}")


def cancel(build: Build, actor: User | None = None) -> bool:
    """Stop a build that has not ended; its worker lets go within seconds. False when it had ended."""
    cause = cause_of("build_cancelled")
    ended = {"state": JobState.CANCELLED, "finished_at": timezone.now(), "lease_until": None, "error": cause}
    unfinished = Build.objects.filter(pk=build.pk).unfinished()
    return _end_without_success(build, lambda: bool(unfinished.update(**ended)), cause, actor)


def cancel_others(revision: Revision, actor: User) -> None:
    """Stop the builds of the service's other revisions, for which nobody waits any more."""
    others = Build.objects.filter(revision__service=revision.service).exclude(revision=revision).unfinished()
    for build in others.select_related("revision__service__workspace"):
        cancel(build, actor)


def _end_without_success(
    build: Build, end: Callable[[], bool], cause: dict[str, Any], actor: User | None = None
) -> bool:
    """End the row with `end` and record it. False when the row was not ours to end."""
    with transaction.atomic():
        if not end():
            return False
        _record_end(build, cause, actor)
    return True


def _record_end(build: Build, cause: dict[str, Any], actor: User | None = None) -> None:
    """The event of a build without success; the service-level step is to look at it."""
    service = build.revision.service
    details = {"revision": build.revision.number, "code": cause["code"], "message": cause["message"]}
    kind = events.BUILD_CANCELLED if cause["code"] == "build_cancelled" else events.BUILD_FAILED
    record(kind, service, workspace=service.workspace, actor=actor, **details)
    request_advance(service)
