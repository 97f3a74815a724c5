"""What came of a profile, as pages, REST and a deployment read it. Pure: all of it stands in the row."""

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from deployments.config.options import GIB
from monitoring.models import Profile
from monitoring.profiles.configurations import changed_options
from monitoring.profiling.measure import Configuration
from monitoring.profiling.result import Result
from studio.core.jobs import JobState

CHANGED = ("replicas", "cpu", "memory_gb", "concurrency", "processes")  # what a recommendation says of the options
LEAST_GB = 0.1


def stored(profile: Profile, found: Result) -> dict[str, Any]:
    """As `Profile.result` has it: the search's result without the points, which the row has anyway, and `options`, the
    recommended part of a deployment config."""
    plain: dict[str, Any] = msgspec.to_builtins(found)
    del plain["points"]
    return plain | {"options": _options(profile, found)}


def _options(profile: Profile, found: Result) -> dict[str, Any] | None:
    if found.recommendation is None:
        return None
    memory = found.recommendation.memory_bytes
    gigabytes = max(math.ceil(100 * memory / GIB) / 100, LEAST_GB) if memory else None
    whole = changed_options(profile.options, found.recommendation.configuration, gigabytes)
    chosen = {name: whole[name] for name in CHANGED if whole.get(name) is not None}
    rows = whole["server"].get("batching", {}).get("rows")
    return chosen | ({"server": {"batching": {"rows": rows}}} if rows else {})


def recommended_of(profile: Profile) -> Configuration | None:
    """The configuration that is recommended, or the nearest where the goal cannot be met."""
    found = profile.result or {}
    chosen = found.get("recommendation") or found.get("nearest")
    return msgspec.convert(chosen["configuration"], Configuration) if chosen else None


def options_of_result(profile: Profile) -> dict[str, Any] | None:
    """The recommended part of a deployment config; None where there is none."""
    return (profile.result or {}).get("options")


def is_met(profile: Profile) -> bool:
    return (profile.result or {}).get("verdict") == "met"


def tone_of(profile: Profile) -> str:
    """Of the verdict on pages."""
    if profile.state != JobState.SUCCEEDED:
        return profile.tone
    return "ok" if is_met(profile) else "warn"


def verdict_of(profile: Profile) -> str:
    """The conclusion, as a sentence."""
    why = (profile.result or {}).get("why") or ()
    return why[0] if why else ""


def measured_of(profile: Profile) -> Mapping[str, Any]:
    """The figures of what is recommended at the goal's load; else of the last measurement with answers."""
    found = (profile.result or {}).get("recommendation")
    if found:
        measured: Mapping[str, Any] = found["measured"]
        return measured
    answered = [one["measured"] for one in profile.points if one["measured"]["answered"]]
    return answered[-1] if answered else {}
