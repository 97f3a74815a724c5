"""A profile as its page shows it: verdict and figures, how it was measured, and two of them side by side. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monitoring.models import Profile
from monitoring.profiles.configurations import goal_of
from monitoring.profiles.point_table import SUCCESS, held, points_of
from monitoring.profiles.results import measured_of, options_of_result, recommended_of, tone_of
from monitoring.profiles.wording import MEBIBYTE, goal_in_words, megabytes, number, size_in_words
from monitoring.profiling.words import duration
from studio.core.jobs import JobState

SAME = 0.02  # a smaller difference of two measurements is none


@dataclass(frozen=True)
class Figure:
    """One number of the verdict, as components/stat.html takes it."""

    label: str
    value: str
    unit: str
    hint: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Compared:
    """One line of two profiles side by side. `tone`: ok where the first is better."""

    label: str
    first: str
    second: str
    change: str
    tone: str = ""


def headline_of(profile: Profile) -> str:
    """The recommendation in one sentence for people, with what it holds."""
    options = options_of_result(profile)
    if options is None:
        return ""
    rows = options.get("server", {}).get("batching", {}).get("rows", 1)
    batches = f", batches of up to {rows} rows" if rows > 1 else ""
    return f"{size_in_words(options)}{batches}"


def spare_of(profile: Profile) -> str:
    """How much more than the stated load it was seen to hold, in per cent; empty for none."""
    found = (profile.result or {}).get("recommendation")
    share = found["holds"] / profile.goal["rate"] - 1 if found else 0.0
    return f"{100 * share:.0f}" if share > SAME else ""


def why_of(profile: Profile) -> list[str]:
    """The reasons beside the conclusion."""
    why = list((profile.result or {}).get("why") or ())
    return why[1:]


def figures_of(profile: Profile) -> list[Figure]:
    """Those of what is recommended; none without a measurement."""
    measured, options = measured_of(profile), options_of_result(profile) or {}
    if not measured:
        return []
    goal = profile.goal
    at, holds = number(goal["rate"]), _held_by(profile)
    p99, success = measured.get("p99"), _success(measured)
    cores = options.get("cpu", 1) * options.get("replicas", 1)
    return [
        Figure(f"p99 at {at}/s", number(p99), "ms", f"goal {number(goal['p99'])} ms", _met(p99, goal)),
        Figure("Holds", number(holds), "requests/s", "within the goal"),
        Figure("CPU", number(measured.get("cpu")), "cores", f"of {number(cores)}" if options else ""),
        Figure(
            "Peak memory",
            megabytes(measured.get("memory")),
            "MB",
            f"a replica, of {number(options['memory_gb'] * 1024)}" if options.get("memory_gb") else "a replica",
        ),
        Figure("Cold start", number(profile.cold_start_seconds), "s", "until it is ready"),
        Figure("Success", number(100 * success, 4), "%", f"{_sent(measured):,} requests", _tone_of_share(success)),
    ]


def facts_of(profile: Profile) -> list[tuple[str, str]]:
    """How it was measured."""
    limits, result = profile.limits, profile.result or {}
    found = [
        ("Goal", goal_in_words(profile.goal)),
        ("Requests", profile.bodies.get("source", "")),
        ("Arrivals", "at random, as from many clients; a late answer counts from when it was due"),
        ("Limits", _limits_in_words(limits)),
        ("Where", f"{profile.target.name}, apart from every service"),
    ]
    if result:
        found.append(("Tried", f"{result['tried']} of {result['possible']} configurations"))
        found.append(
            ("Noise", "the machine did other things meanwhile" if result["noisy"] else "the machine was quiet")
        )
    return found


def took(profile: Profile) -> str:
    """How long it ran; empty before it has ended."""
    if not profile.started_at or not profile.finished_at:
        return ""
    return duration((profile.finished_at - profile.started_at).total_seconds())


def comparison(first: Profile, second: Profile) -> list[Compared]:
    """Figures of both, and what changed from the second to the first."""
    one, other = measured_of(first), measured_of(second)
    rows = [
        ("Load held within the goal", _held_by(first), _held_by(second), "/s", True),
        ("Latency p50", one.get("p50"), other.get("p50"), "ms", False),
        ("Latency p95", one.get("p95"), other.get("p95"), "ms", False),
        ("Latency p99", one.get("p99"), other.get("p99"), "ms", False),
        ("Latency p99.9", one.get("p999"), other.get("p999"), "ms", False),
        ("CPU used", one.get("cpu"), other.get("cpu"), "cores", False),
        ("Peak memory", _in_megabytes(one), _in_megabytes(other), "MB", False),
        ("Cold start", first.cold_start_seconds, second.cold_start_seconds, "s", False),
        ("Success", 100 * _success(one), 100 * _success(other), "%", True),
    ]
    return [_compared(*row) for row in rows]


def is_noisy(profile: Profile) -> bool:
    return bool((profile.result or {}).get("noisy"))


def state_words(profile: Profile) -> tuple[str, str]:
    """Tone and text of its badge."""
    words = {
        JobState.QUEUED: "Waiting",
        JobState.RUNNING: "Measuring",
        JobState.SUCCEEDED: "Done",
        JobState.FAILED: "Failed",
        JobState.CANCELLED: "Cancelled",
    }
    text = words[JobState(profile.state)]
    if profile.state == JobState.SUCCEEDED and tone_of(profile) != "ok":
        text = "Goal not met"
    return tone_of(profile), text


def _compared(label: str, first: float | None, second: float | None, unit: str, more_is_better: bool) -> Compared:
    one, other = (f"{number(value)} {unit}" if value is not None else "–" for value in (first, second))
    if first is None or not second:
        return Compared(label, one, other, "–")
    change = first / second - 1
    if abs(change) < SAME:
        return Compared(label, one, other, "same")
    tone = "ok" if (change > 0) == more_is_better else "warn"
    return Compared(label, one, other, f"{change:+.0%}".replace("%", " %").replace("-", "−"), tone)


def _held_by(profile: Profile) -> float | None:
    """The highest load within the goal that was seen to hold: of what is recommended, else of any configuration."""
    if recommendation := (profile.result or {}).get("recommendation"):
        return float(recommendation["holds"])
    loads = held(points_of(profile), goal_of(profile.goal))
    chosen = recommended_of(profile)
    found = loads.get(chosen) if chosen else max(loads.values(), default=None)
    return found or None


def _tone_of_share(success: float) -> str:
    return "" if success >= SUCCESS else "bad"


def _met(p99: float | None, goal: Mapping[str, Any]) -> str:
    return "" if p99 is None else "ok" if p99 <= goal["p99"] else "bad"


def _success(measured: Mapping[str, Any]) -> float:
    total = _sent(measured)
    return measured.get("answered", 0) / total if total else 0.0


def _sent(measured: Mapping[str, Any]) -> int:
    return int(measured.get("answered", 0)) + int(measured.get("failed", 0))


def _in_megabytes(measured: Mapping[str, Any]) -> float | None:
    memory = measured.get("memory")
    return memory / MEBIBYTE if memory else None


def _limits_in_words(limits: Mapping[str, Any]) -> str:
    parts = [f"{duration(limits['seconds'])} of measuring"]
    parts += [f"{number(limits['cpu'])} cores"] if limits.get("cpu") else []
    parts += [f"{number(limits['memory_gb'])} GB a replica"] if limits.get("memory_gb") else []
    parts += [f"{limits['replicas']} replicas"] if limits.get("replicas") else []
    return ", ".join(parts)
