"""What containers are seen to use."""

import time

from deployments.targets.docker import usage

STATS = {
    "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}},
    "memory_stats": {"usage": 300, "stats": {"inactive_file": 100}},
    "pids_stats": {"current": 7},
}


def started(driver, spec):
    until = time.monotonic() + 30
    while driver.observe(spec.ref).ready(1) < 1 and time.monotonic() < until:
        driver.apply(spec)
        time.sleep(0.1)
    return driver.usage(spec.ref)


def test_container_is_measured_while_it_lives(driver, spec):
    [found] = started(driver, spec)
    assert found.number == 1
    assert found.cpu_seconds > 0
    assert found.peak_bytes >= found.memory_bytes > 1_000_000
    assert found.threads >= 1
    until = time.monotonic() + 30
    while driver.observe(spec.ref).is_live and time.monotonic() < until:
        driver.stop(spec.ref)
        time.sleep(0.1)
    assert driver.usage(spec.ref) == []


def test_engine_elsewhere_tells_what_a_container_uses(make_driver, spec, monkeypatch):
    monkeypatch.setattr(usage, "_is_here", lambda process, container: False)
    [found] = started(make_driver(), spec)
    assert found.cpu_seconds > 0
    assert found.memory_bytes > 0
    assert found.processes == ()


def test_cached_files_are_no_use_of_memory():
    found = usage._told(2, STATS)
    assert (found.number, found.cpu_seconds, found.memory_bytes, found.threads) == (2, 2.5, 200, 7)
    assert usage._told(1, {}).memory_bytes == 0
