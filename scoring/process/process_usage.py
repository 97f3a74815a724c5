"""Processor time and memory of a few processes, cheaply."""

from collections.abc import Iterable

import psutil


class ProcessUsage:
    """Follows processes; those that ended keep counting with what they had used."""

    def __init__(self) -> None:
        self._processes: dict[int, psutil.Process] = {}
        self._last_seconds: dict[int, float] = {}
        self.cpu_seconds = 0.0

    def track(self, pids: Iterable[int]) -> None:
        """These are the processes now."""
        wanted = set(pids)
        for gone in self._processes.keys() - wanted:
            del self._processes[gone]
            self._last_seconds.pop(gone, None)
        for pid in wanted - self._processes.keys():
            try:
                self._processes[pid] = psutil.Process(pid)
            except psutil.Error:
                continue

    def measure_cpu(self) -> float:
        """Processor seconds of all since the beginning."""
        for pid, process in self._processes.items():
            try:
                times = process.cpu_times()
            except psutil.Error:
                continue
            used = times.user + times.system
            self.cpu_seconds += max(used - self._last_seconds.get(pid, 0.0), 0.0)
            self._last_seconds[pid] = used
        return self.cpu_seconds

    def resident(self) -> dict[int, int]:
        """Resident bytes of each process; shared pages count in every one."""
        found = {}
        for pid, process in self._processes.items():
            try:
                found[pid] = process.memory_info().rss
            except psutil.Error:
                continue
        return found

    def proportional(self) -> int:
        """Bytes of all together, where shared pages count once (Linux; elsewhere like `resident`)."""
        return sum(self.proportional_each().values())

    def proportional_each(self) -> dict[int, int]:
        """Bytes of each process, with its part of the pages that it shares with others."""
        return {pid: _proportional(pid) or rss for pid, rss in self.resident().items()}


def _proportional(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:")), 0)
    except (OSError, ValueError):
        return 0
