"""What containers use: of the kernel where they run on this machine, else as their engine tells it."""

from pathlib import Path
from typing import Any

from deployments.engines import EngineClient
from deployments.targets.base import Usage
from deployments.targets.docker.starting import exit_state
from deployments.targets.process_usage import usage_of

NANO = 1e9
REMOVABLE = ("inactive_file", "total_inactive_file")  # cached files, which give way to whoever needs memory


def usage_of_container(client: EngineClient, number: int, container: str) -> Usage | None:
    """Of the replica of that number; None where it has ended. Raises what the engine's client does."""
    root = int(exit_state(client, container).get("Pid") or 0)
    if not root:
        return None
    if _is_here(root, container):
        return usage_of(number, root)
    return _told(number, client.stats(container, stream=False, one_shot=True))


def _is_here(process: int, container: str) -> bool:
    """Whether the number is that of the container's process on this machine: an engine elsewhere has its own."""
    try:
        return container in Path(f"/proc/{process}/cgroup").read_text()
    except OSError:
        return False


def _told(number: int, stats: dict[str, Any]) -> Usage:
    """Version 2 of control groups has no high-water mark there: the peak is what is seen."""
    memory, cpu = stats.get("memory_stats") or {}, stats.get("cpu_stats") or {}
    cached = next((memory["stats"][name] for name in REMOVABLE if name in (memory.get("stats") or {})), 0)
    now = max(memory.get("usage", 0) - cached, 0)
    return Usage(
        number=number,
        cpu_seconds=(cpu.get("cpu_usage") or {}).get("total_usage", 0) / NANO,
        memory_bytes=now,
        peak_bytes=max(memory.get("max_usage", 0), now),
        threads=(stats.get("pids_stats") or {}).get("current", 0),
    )
