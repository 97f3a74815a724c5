"""Profiles for tests: asked for, and searched over a made-up model instead of a real one."""

import math
from datetime import timedelta

import msgspec
from django.utils import timezone

from deployments.services.create import local_target
from deployments.services.default_config import ensure_default_config
from monitoring.models import Profile
from monitoring.profiles.configurations import goal_of, limits_of
from monitoring.profiles.results import stored
from monitoring.profiling.measure import Load, Measured, Point
from monitoring.profiling.search import search
from studio.core.jobs import JobState

MIB = 1024**2


def make_profile(workspace, user, version, **facts) -> Profile:
    """One that waits."""
    given = {"goal": {"p99": 20.0, "rate": 500.0}, "limits": {"seconds": 600.0, "cpu": 4, "memory_gb": None}}
    given |= {"bodies": {"source": "a request made from the signature", "texts": ['{"inputs": []}']}}
    given |= {"options": {"cpu": 1.0, "memory_gb": 1.0, "replicas": 1}}
    return Profile.objects.create(
        workspace=workspace,
        requested_by=user,
        version=version,
        config=ensure_default_config(version, user),
        target=facts.pop("target", None) or local_target(workspace),
        **given | facts,
    )


def made_up(run_ms: float = 4.0):
    """A measure over a model whose runs take `run_ms`, a core each."""

    def measure(one, load):
        capacity = one.cores * 1000 / run_ms * math.sqrt(one.batch_rows)
        rate = load.rate or capacity
        busy = min(rate / capacity, 0.999)
        waits = busy / (1 - busy) / 4 if load.rate else 0.0  # a closed loop queues nothing
        p50 = run_ms * (1 + waits)
        p99 = 1.6 * p50 + (400 if rate > capacity else 0)
        figures = {"p50": p50, "p90": p50 * 1.2, "p95": p50 * 1.3, "p99": p99, "p999": p99 * 1.5, "mean": p50 * 1.05}
        return Measured(
            throughput=min(rate, capacity),
            answered=int(rate * load.seconds),
            cpu=busy * one.cores,
            memory=(180 + 20 * one.threads) * MIB,
            seconds=load.seconds + 1,
            **figures,
        )

    return measure


def make_ended_profile(workspace, user, version, run_ms: float = 4.0, **facts) -> Profile:
    """One that has succeeded."""
    profile = make_profile(workspace, user, version, **facts)
    measure, points = made_up(run_ms), []
    limits = limits_of(profile.limits, 4, batches=True)
    found = search(goal_of(profile.goal), limits, measure, on_point=points.append)
    if found.recommendation:
        one = found.recommendation.configuration
        for share in (0.25, 0.5, 0.75):
            load = Load(rate=share * profile.goal["rate"], seconds=5.0)
            points.append(Point(configuration=one, load=load, measured=measure(one, load), purpose="sweep"))
    now = timezone.now()
    profile.points = msgspec.to_builtins(points)
    profile.samples = [
        [float(at), at // 10, 500.0, 2.0, 8.0, 0.8 + at % 5 / 10, (180 + at % 7) * MIB, 12] for at in range(120)
    ]
    profile.cold_start_seconds, profile.result = 1.9, stored(profile, found)
    profile.state, profile.progress, profile.step = JobState.SUCCEEDED, 1, "Done"
    profile.started_at, profile.finished_at = now - timedelta(seconds=372), now
    profile.save()
    return profile
