"""Processes of local services: adoption by another worker, recognition, stopping."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from tests.targets.contract import served, until
from tests.targets.local.local_drivers import behaving, folder_of, is_running, pid_of


def test_process_survives_its_worker_and_is_adopted_by_the_next(driver, spec):
    script = textwrap.dedent(
        f"""
        import os, sys
        sys.path.insert(0, {str(Path.cwd())!r})
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        from pathlib import Path
        from tests.targets.local.local_drivers import local_driver
        from tests.targets.specs import make_spec
        local_driver(Path({str(driver.root)!r})).apply(make_spec())
        os.kill(os.getpid(), 9)
        """
    )
    worker = subprocess.run([sys.executable, "-c", script], check=False)
    assert worker.returncode == -signal.SIGKILL
    adopted = until(driver, spec.ref, "ready")
    driver.apply(spec)
    assert driver.observe(spec.ref).started_at == adopted.started_at


def test_suspended_process_is_unreachable_until_it_continues(driver, spec, monkeypatch):
    monkeypatch.setattr("deployments.targets.local.reports.PROBE_SECONDS", 0.2)
    driver.apply(spec)
    until(driver, spec.ref, "ready")
    os.kill(pid_of(driver, spec.ref), signal.SIGSTOP)
    assert driver.observe(spec.ref).state == "unreachable"
    os.kill(pid_of(driver, spec.ref), signal.SIGCONT)
    until(driver, spec.ref, "ready")


def test_process_that_ignores_sigterm_is_killed(driver, spec, monkeypatch):
    monkeypatch.setattr("deployments.targets.local.driver.TERM_SECONDS", 0.3)
    driver.apply(behaving(spec, "stubborn"))
    until(driver, spec.ref, "ready")
    pid = pid_of(driver, spec.ref)
    driver.stop(spec.ref)
    assert driver.observe(spec.ref).state == "stopping"
    until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))
    assert not is_running(pid)


def test_process_is_recognized_after_the_clock_was_set(driver, spec, monkeypatch):
    driver.apply(spec)
    before = until(driver, spec.ref, "ready")
    set_clock_ahead(monkeypatch, seconds=3600)
    driver.apply(spec)
    after = driver.observe(spec.ref)
    assert (after.state, after.started_at, after.restarts) == ("ready", before.started_at, 0)
    assert is_running(pid_of(driver, spec.ref))


def set_clock_ahead(monkeypatch, *, seconds):
    """psutil derives the start of a process from the boot time, which moves when the clock is set."""
    create_time = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: create_time(process) + seconds)


def test_unrelated_process_with_the_reused_pid_is_not_touched(driver, spec, unrelated):
    driver.apply(behaving(spec, "child"))  # whose child holds the lock
    until(driver, spec.ref, "ready")
    os.kill(pid_of(driver, spec.ref), signal.SIGKILL)
    status = folder_of(driver, spec).status
    facts = {"pid": unrelated.pid, "created": psutil.Process(unrelated.pid).create_time()}
    status.write_text(json.dumps(json.loads(status.read_bytes()) | facts))
    assert driver.observe(spec.ref).state == "dead"
    until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))
    assert unrelated.poll() is None


@pytest.fixture
def unrelated():
    """A process that belongs to no service."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_process_without_a_status_can_be_stopped(driver, spec):
    driver.apply(behaving(spec, "silent"))
    assert driver.observe(spec.ref).state == "starting"
    until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))


def test_restarted_process_does_not_serve_until_routed_to(driver, spec, route):
    served(driver, spec, route)
    driver.stop(spec.ref)
    until(driver, spec.ref, "absent")
    assert not until(driver, spec.ref, "ready", lambda: driver.apply(spec)).serving
    assert not folder_of(driver, spec).serving.exists()


def test_surviving_children_are_replaced_with_their_process(driver, spec):
    spec = behaving(spec, "child")
    driver.apply(spec)
    until(driver, spec.ref, "ready")
    group = os.getpgid(pid_of(driver, spec.ref))
    os.kill(pid_of(driver, spec.ref), signal.SIGKILL)
    until(driver, spec.ref, "ready", lambda: driver.apply(spec))
    assert not [process for process in psutil.process_iter() if group_of(process) == group]


def group_of(process):
    try:
        return os.getpgid(process.pid) if process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, psutil.Error):
        return None
