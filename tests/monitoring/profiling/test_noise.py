"""What the machine did besides, from two readings of the kernel's counters."""

import os
import subprocess
import sys
import time

import pytest

from monitoring.profiling import noise
from monitoring.profiling.noise import Reading, between


def reading(at, *, cpu=0.0, waited=0.0, used=None, busy=0.0, total=0.0, steal=0.0, periods=0, throttled=0):
    return Reading(at, {(1, 1): (cpu, waited)}, used or {1: cpu}, busy, total, steal, periods, throttled)


def test_waiting_for_a_core_is_noise():
    found = between(reading(0), reading(10, cpu=5, waited=0.3, busy=5, total=20))
    assert found.waited == pytest.approx(0.03)
    assert found.reason == "the measured processes waited for a core 3.0% of the time"


def test_what_others_used_is_noise():
    found = between(reading(0), reading(10, cpu=5, busy=8, total=20))
    assert found.others == pytest.approx(0.15)
    assert found.reason == "other programs used 15.0% of the machine's CPU"


def test_a_quiet_machine_is_none():
    assert between(reading(0), reading(10, cpu=5, waited=0.1, busy=5.5, total=20)).reason == ""


def test_stolen_time_is_noise():
    assert "took 2.0%" in between(reading(0), reading(10, cpu=5, busy=5, total=20, steal=0.4)).reason


def test_under_a_quota_waiting_is_what_the_quota_does():
    found = between(reading(0), reading(10, cpu=5, waited=4, busy=5, total=20, periods=100, throttled=40))
    assert (found.throttled, found.reason) == (0.4, "")


def test_a_thread_that_did_nothing_does_not_thin_out_the_waiting():
    first = Reading(0, {(1, 1): (0, 0), (1, 2): (0, 0)}, {1: 0}, 0, 0, 0, 0, 0)
    last = Reading(10, {(1, 1): (5, 0.5), (1, 2): (0, 0)}, {1: 5}, 5, 20, 0, 0, 0)
    assert between(first, last).waited == pytest.approx(0.05)


def test_processes_that_were_started_are_watched_with_the_one_that_started_them():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        assert child.pid in noise.family_of([os.getpid()])
        first = noise.read([os.getpid()])
        until = time.process_time() + 0.2
        while time.process_time() < until:
            pass
        last = noise.read([os.getpid()])
        assert noise.cores_used(first, last, [os.getpid()]) > 0.05
    finally:
        child.kill()
        child.wait()


def test_a_process_that_has_ended_is_left_out():
    child = subprocess.Popen(["true"])
    child.wait()
    assert noise.family_of([child.pid, -1, 2**70]) == []
