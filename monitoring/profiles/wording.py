"""Numbers of a profile as people read them. Pure."""

from collections.abc import Mapping
from typing import Any

MEBIBYTE = 1024**2


def number(value: float | None, digits: int = 3) -> str:
    """With so many significant digits, and commas: 870, 7.94, 1,240; an en dash for nothing."""
    if value is None:
        return "–"
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:,.0f}" if rounded == int(rounded) or abs(rounded) >= 100 else f"{rounded:,g}"


def megabytes(value: float | None) -> str:
    """Bytes in MB (2^20)."""
    return "–" if value is None else f"{value / MEBIBYTE:,.0f}"


def goal_in_words(goal: Mapping[str, Any]) -> str:
    """p99 under 20 ms at 500 requests/s."""
    return f"p99 under {number(goal['p99'])} ms at {number(goal['rate'])} requests/s"


def size_in_words(options: Mapping[str, Any]) -> str:
    """2 replicas of 1 core and 0.5 GB."""
    replicas, cpu = options.get("replicas", 1), options.get("cpu", 1)
    cores = f"{number(cpu)} core{'' if cpu == 1 else 's'}"
    return f"{replicas} replica{'' if replicas == 1 else 's'} of {cores} and {number(options.get('memory_gb'))} GB"
