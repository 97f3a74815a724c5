"""The job: prepare, search, keep the result. Safe to repeat: what an attempt has measured, the next one does not."""

import io
import logging
from typing import Any

import psutil
from django.db import transaction

from deployments.builds.bundles import Content
from deployments.causes import cause_of, cause_of_error
from deployments.isolated_runs.prepared import Prepared, prepare
from deployments.isolated_runs.runs import isolated_run
from deployments.models.config import ConfigKind
from deployments.recipe.recipe import content_hash
from deployments.targets.base import TargetUnavailable
from deployments.targets.kinds import kind_of
from monitoring.events import PROFILE_ENDED, PROFILE_FAILED
from monitoring.models import Profile
from monitoring.profiles import operators
from monitoring.profiles.configurations import goal_of, limits_of
from monitoring.profiles.live_measure import LiveMeasure
from monitoring.profiles.point_table import points_of
from monitoring.profiles.results import stored, verdict_of
from monitoring.profiling.measure import Limits, Load, Measured, Point
from monitoring.profiling.result import Result
from monitoring.profiling.search import search
from studio.activity.recording import record
from studio.core.errors import SlipwayError
from studio.core.job_heartbeat import Heartbeat, LeaseLost
from studio.core.jobs import WORKER_LOST, JobState

log = logging.getLogger(__name__)

CURVE = (0.25, 0.5, 0.75)  # of the goal's load
CURVE_SECONDS = 5.0


def run(profile: Profile, heartbeat: Heartbeat) -> None:
    """Do it. Safe to repeat, and to kill at any line: what ran is removed by the next attempt, or by the sweep."""
    try:
        result = _measure(profile, heartbeat)
        times = operators.measure(_content(profile), heartbeat.check)
    except LeaseLost:
        raise
    except TargetUnavailable as away:
        _fail(profile, cause_of("target_unavailable", evidence=str(away)))
    except SlipwayError as error:
        _fail(profile, cause_of_error(error))
    except Exception as error:  # whatever it was, the row must say so
        log.exception("%s failed", profile)
        _fail(profile, cause_of("internal", evidence=f"{type(error).__name__}: {error}"))
    else:
        _succeed(profile, result, times)


def fail_after_max_attempts(profile: Profile) -> None:
    """Record that its workers died over it. Call it in the transaction that fails the row."""
    _record_failure(profile, profile.error or WORKER_LOST)


def _measure(profile: Profile, heartbeat: Heartbeat) -> dict[str, Any]:
    prepared = _prepared(profile, heartbeat)
    with isolated_run(
        profile.workspace, profile.target, profile.purpose, prepared, profile.config, heartbeat.check
    ) as running:
        measure = LiveMeasure(profile, running, heartbeat)
        limits = limits_of(
            profile.limits,
            psutil.cpu_count() or 1,
            batches=profile.config.kind == ConfigKind.NO_CODE,
            has_quotas=kind_of(profile.target.kind).needs_images,
        )
        found = search(
            goal_of(profile.goal),
            limits,
            measure,
            resume=points_of(profile),
            on_start=measure.tell,
            on_point=measure.keep_point,
        )
        _complete_curve(profile, found, limits, measure)
        return stored(profile, found)


def _complete_curve(profile: Profile, found: Result, limits: Limits, measure: LiveMeasure) -> None:
    """Lower loads of what is recommended, as far as there is time, so that the chart shows how latency rises."""
    if found.recommendation is None:
        return
    one, known = found.recommendation.configuration, points_of(profile)
    for share in CURVE:
        load = Load(rate=share * profile.goal["rate"], seconds=CURVE_SECONDS)
        is_there = any(point.configuration == one and point.load == load for point in known)
        if is_there or measure.spent + CURVE_SECONDS > limits.seconds:
            continue
        measure.tell(one, load, "sweep")
        measured: Measured = measure(one, load)
        measure.keep_point(Point(configuration=one, load=load, measured=measured, purpose="sweep"))


def _content(profile: Profile) -> Content:
    if profile.revision is not None:
        return Content.of(profile.revision)
    versions = [profile.version] if profile.version else []
    return Content(content_hash(versions, profile.config), tuple(versions), profile.config)


def _prepared(profile: Profile, heartbeat: Heartbeat) -> Prepared:
    return prepare(
        _content(profile),
        profile.target,
        profile.workspace.slug,
        io.StringIO(),
        lambda step, share: heartbeat.step(step, 0.1 * share),
        heartbeat.is_lost,
    )


def _succeed(profile: Profile, result: dict[str, Any], times: dict[str, Any] | None) -> None:
    with transaction.atomic():
        if profile.end(JobState.SUCCEEDED, result=result, operators=times):
            record(
                PROFILE_ENDED,
                profile,
                workspace=profile.workspace,
                actor=profile.requested_by,
                verdict=verdict_of(profile),
            )


def _fail(profile: Profile, cause: dict[str, Any]) -> None:
    with transaction.atomic():
        if profile.end(JobState.FAILED, error=cause):
            _record_failure(profile, cause)


def _record_failure(profile: Profile, cause: dict[str, Any]) -> None:
    record(
        PROFILE_FAILED,
        profile,
        workspace=profile.workspace,
        actor=profile.requested_by,
        code=cause["code"],
        message=cause["message"],
    )
