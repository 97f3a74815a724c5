"""What the machine tells: a server's processes, their memory, who listens on a port, and who else uses the cores."""

import os
import resource
import signal
import socket
import subprocess
import time
from contextlib import suppress

import psutil

CALM_CORES = 0.25  # a run is clean while other processes use less
GONE = (psutil.NoSuchProcess, psutil.ZombieProcess)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Family:
    """A server and every process it started. It must lead a session of its own."""

    def __init__(self, leader: subprocess.Popen) -> None:
        self._leader = leader

    def members(self) -> list[psutil.Process]:
        """Descendants, and whoever else is in the session: some servers let their workers' parent end."""
        found = set()
        with suppress(*GONE):
            found = {psutil.Process(self._leader.pid), *psutil.Process(self._leader.pid).children(recursive=True)}
        for process in psutil.process_iter():
            with suppress(ProcessLookupError):
                if os.getsid(process.pid) == self._leader.pid:
                    found.add(process)
        return list(found)

    def has_ended(self) -> bool:
        return self._leader.poll() is not None

    def seconds(self) -> float:
        """CPU time of all of them so far."""
        used = 0.0
        for process in self.members():
            with suppress(*GONE):
                times = process.cpu_times()
                used += times.user + times.system
        return used

    def memory(self) -> tuple[float, int]:
        """MiB that are theirs (PSS: shared pages divided among those who share them), and how many they are."""
        total, count = 0, 0
        for process in self.members():
            with suppress(*GONE):
                total += process.memory_full_info().pss
                count += 1
        return total / 2**20, count

    def foreign_listeners(self, port: int) -> set[int]:
        """Processes that listen on the port and are none of these: their answers would be measured instead."""
        ours = {process.pid for process in self.members()}
        return {pid for pid in listeners(port) if pid not in ours}

    def settle(self, longest: float = 30.0) -> None:
        """Wait until what was asked before is computed."""
        end = time.monotonic() + longest
        while time.monotonic() < end:
            before = self.seconds()
            time.sleep(0.1)
            if self.seconds() - before <= 0.02:
                return

    def stop(self, patience: float = 15.0) -> None:
        """End the leader politely, then whoever is left."""
        self.settle()  # a server that is ended in the middle of its work may forget to tidy up
        members = self.members()
        self._leader.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._leader.wait(patience)
        # Helpers that outlive the leader tidy up (shared memory, semaphores), and end by themselves.
        _, left = psutil.wait_procs({*members, *self.members()}, timeout=3)
        for process in left:
            with suppress(*GONE):
                process.send_signal(signal.SIGKILL)
        self._leader.wait()


def listeners(port: int) -> set[int | None]:
    return {
        one.pid for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN and one.laddr.port == port
    }


class OtherProcesses:
    """How many cores something other than the server, the generator and this process used, by the kernel's counters."""

    def __init__(self, family: Family | None = None) -> None:
        self._family = family
        self._began, self._others = time.monotonic(), self._busy() - self._ours()

    def cores(self) -> float:
        """Since this was made."""
        return max(self._busy() - self._ours() - self._others, 0.0) / (time.monotonic() - self._began)

    def _busy(self) -> float:
        times = psutil.cpu_times()
        return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)

    def _ours(self) -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = time.process_time() + children.ru_utime + children.ru_stime
        return used + (self._family.seconds() if self._family else 0.0)
