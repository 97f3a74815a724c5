"""A profile's result with the names of Azure Machine Learning: what `ModelProfile.get_details()` gives. Pure.

Source: the SDK's `azureml.core.profile.ModelProfile` and `az ml model profile`. `az ml model deploy --profile-input`
reads `recommendedCpu` and `recommendedMemoryInGB` of such a file.
"""

from typing import Any

from monitoring.models import Profile
from monitoring.profiles.results import measured_of, options_of_result
from studio.core.jobs import JobState

GIB = 1024**3
STATES = {
    JobState.QUEUED: "NotStarted",
    JobState.RUNNING: "Running",
    JobState.SUCCEEDED: "Succeeded",
    JobState.FAILED: "Failed",
    JobState.CANCELLED: "Cancelled",
}
LATENCIES = {
    "averageLatencyInMs": "mean",
    "latencyPercentile50InMs": "p50",
    "latencyPercentile90InMs": "p90",
    "latencyPercentile95InMs": "p95",
    "latencyPercentile99InMs": "p99",
    "latencyPercentile999InMs": "p999",
}


def as_azure(profile: Profile) -> dict[str, Any]:
    """Plain values; figures are there once there is a result."""
    facts: dict[str, Any] = {
        "name": profile.name or f"profile-{profile.pk}",
        "state": STATES[JobState(profile.state)],
        "createdTime": profile.created_at.isoformat(),
        "description": profile.description,
        "error": profile.error,
    }
    return facts | (_figures(profile) if profile.state == JobState.SUCCEEDED else {})


def _figures(profile: Profile) -> dict[str, Any]:
    measured, options = measured_of(profile), options_of_result(profile) or {}
    points = [point["measured"] for point in profile.points]
    answered = measured.get("answered", 0)
    total = answered + measured.get("failed", 0)
    cores = [one["cpu"] for one in points if one.get("cpu") is not None]
    memory = [one["memory"] for one in points if one.get("memory") is not None]
    return {
        "requestedCpu": profile.limits.get("cpu"),
        "requestedMemoryInGB": profile.limits.get("memory_gb"),
        "requestedQueriesPerSecond": profile.goal["rate"],
        "maxUtilizedCpu": round(max(cores), 3) if cores else None,
        "maxUtilizedMemoryInGB": round(max(memory) / GIB, 3) if memory else None,
        "totalQueries": total,
        "successQueries": answered,
        "successRate": round(100 * answered / total, 3) if total else None,
        **{theirs: measured.get(ours) for theirs, ours in LATENCIES.items()},
        "measuredQueriesPerSecond": measured.get("throughput"),
        "recommendedCpu": options.get("cpu"),
        "recommendedMemoryInGB": options.get("memory_gb"),
    }
