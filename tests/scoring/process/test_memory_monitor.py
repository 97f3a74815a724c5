"""The memory limit: what is touched counts, in all processes of the service; what is reserved or shared does not."""

from contextlib import suppress

import httpx
import psutil
import pytest

from scoring.process import memory_monitor
from scoring.process.memory_monitor import MIN_SAMPLE_SECONDS, SAMPLE_SECONDS, MemoryMonitor, delay_before

MEGABYTE = 2**20
HOLD = """
import os, time
def hold(megabytes):
    kept = bytearray(os.urandom(1)) * (megabytes * 2**20)
    time.sleep(60)
"""
RESERVE = """
import mmap
def init():
    global reserved
    reserved = mmap.mmap(-1, 3 * 2**30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    reserved[0] = 1
def run(data):
    return len(reserved) // 2**30
"""
FORK = (
    HOLD
    + """
def init():
    for _ in range(4):
        if os.fork() == 0:
            hold(100)
    time.sleep(60)
def run(data):
    return 0
"""
)
SHARE = """
import os, signal, time
def init():
    kept = bytearray(b"x") * (150 * 2**20)
    for _ in range(4):
        reading, writing = os.pipe()
        if os.fork() == 0:
            kept.count(b"y")
            os.write(writing, b"1")
            signal.pause()
        os.read(reading, 1)
    time.sleep(1)
def run(data):
    return "here"
"""
LATER = (
    HOLD
    + """
def init():
    pass
def run(data):
    if "hold" not in data:
        return "here"
    first = os.fork()
    if first == 0:
        if "detached" in data:
            os.setsid()
            if os.fork():
                os._exit(0)
        hold(300)
    if "detached" in data:
        os.waitpid(first, 0)
    return "started"
"""
)


def below(replica):
    return psutil.Process(replica.process.pid).children(recursive=True)


def answer_of(replica, body):
    """None where the process is ended before its answer is on its way."""
    with suppress(httpx.TransportError):
        return replica.score(body).json()
    return None


def test_reserved_memory_does_not_count_towards_the_limit(replica):
    replica.with_script(RESERVE).start(processes=1, memory_bytes=256 * MEGABYTE)
    assert replica.score("{}").json() == 3


def test_memory_shared_by_processes_counts_once(replica):
    replica.with_script(SHARE).start(processes=1, memory_bytes=400 * MEGABYTE)
    resident = sum(process.memory_info().rss for process in below(replica))
    assert resident > 600 * MEGABYTE
    assert replica.score("{}").json() == "here"
    assert "restarts" not in replica.status()


def test_child_processes_of_a_script_count_during_start(replica):
    failure = replica.with_script(FORK).fail_to_start(processes=1, memory_bytes=256 * MEGABYTE)
    assert failure["reason"] == "out_of_memory"
    assert "the service may use 256 MiB" in failure["message"]
    assert "MiB" in failure["evidence"]


@pytest.mark.parametrize("how", ["hold", "hold detached"])
def test_child_processes_of_a_script_are_killed_with_its_worker(replica, how):
    replica.with_script(LATER).start(processes=1, memory_bytes=256 * MEGABYTE)
    answer_of(replica, f'"{how}"')
    replica.until(lambda: "out_of_memory: The processes use" in replica.log())
    replica.until(lambda: all(process.memory_info().rss < 150 * MEGABYTE for process in below(replica)))
    replica.until(lambda: answer_of(replica, "{}") == "here")


def test_repeated_out_of_memory_fails_the_service_with_process_sizes(replica):
    script = "def init(): pass\ndef run(data): return len(bytearray(b'x') * (400 * 2**20))"
    replica.with_script(script).start(processes=1, memory_bytes=200 * MEGABYTE)

    def failed():
        answer_of(replica, "{}")
        return replica.status()["state"] == "failed"

    replica.until(failed, seconds=60)
    failure = replica.status()["failure"]
    assert failure["reason"] == "out_of_memory"
    assert "the service may use 200 MiB" in failure["message"]
    assert not failure["message"].startswith("The processes use 0 MiB")
    assert "was ended since the service used too much memory; another" in replica.log()
    assert "perhaps by the system" not in replica.log()


def test_detached_processes_of_a_script_end_with_the_service(replica):
    script = LATER.replace("hold(300)", "hold(1)")
    replica.with_script(script).start(processes=1)
    replica.score('"hold detached"')
    replica.until(lambda: len(below(replica)) == 2)
    left = below(replica)
    assert replica.stop() == 0
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in left)


class Figures:
    """A `ProcessUsage` that says what it is told to."""

    def __init__(self, resident, exact):
        self.sizes, self.exact, self.read = resident, exact, 0

    def track(self, pids):
        pass

    def resident(self):
        return {1: self.sizes}

    def proportional_each(self):
        self.read += 1
        return {1: self.exact}


def test_proportional_memory_is_read_only_above_the_limit_and_cached_until_growth(monkeypatch):
    monkeypatch.setattr(memory_monitor, "subtrees", lambda workers: {})
    usage = Figures(resident=500, exact=200)
    looked = MemoryMonitor(512, usage)
    looked.sample([])
    assert (looked.used, usage.read) == (500, 0)
    usage.sizes = 1000
    for _ in range(3):
        looked.sample([])
    assert (looked.used, usage.read) == (200, 1)
    usage.sizes, usage.exact = 1400, 600
    looked.sample([])
    assert (looked.used, usage.read) == (600, 2)


@pytest.mark.parametrize(
    ("left", "growth", "pause"),
    [
        (100 * MEGABYTE, 0, SAMPLE_SECONDS),
        (100 * MEGABYTE, -5, SAMPLE_SECONDS),
        (100 * MEGABYTE, 500 * MEGABYTE, 0.1),
        (100 * MEGABYTE, 5000 * MEGABYTE, MIN_SAMPLE_SECONDS),
        (-1, 1, MIN_SAMPLE_SECONDS),
        (10_000 * MEGABYTE, MEGABYTE, SAMPLE_SECONDS),
    ],
)
def test_next_sample_comes_before_the_limit_can_be_reached(left, growth, pause):
    assert delay_before(left, growth) == pytest.approx(pause)
