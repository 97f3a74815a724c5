"""Processes of local services: adoption by another worker, recognition, stopping."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import zlib
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from deployments.targets.local import process
from tests.targets.contract import served, until
from tests.targets.local.local_drivers import behaving, folder_of, is_running, pid_of, wait_for


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
    monkeypatch.setattr("deployments.targets.local.replica.TERM_SECONDS", 0.3)
    driver.apply(behaving(spec, "stubborn"))
    until(driver, spec.ref, "ready")
    pid = pid_of(driver, spec.ref)
    driver.stop(spec.ref)
    assert driver.observe(spec.ref).state == "stopping"
    until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))
    assert not is_running(pid)


def test_unrelated_process_whose_pid_is_in_the_status_is_not_touched(driver, spec, unrelated):
    driver.apply(spec)
    until(driver, spec.ref, "ready")
    write_status(driver, spec, pid=unrelated.pid, state="failed")
    driver.apply(spec)  # ends what has failed
    until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))
    assert unrelated.poll() is None


@pytest.mark.parametrize("address", ["http://192.0.2.1:80", "file:///etc/passwd", "http://127.0.0.1:x", ""])
def test_endpoint_in_the_status_cannot_point_to_another_host(driver, spec, address):
    driver.apply(spec)
    until(driver, spec.ref, "ready")
    write_status(driver, spec, endpoints={"http": address})
    found = driver.observe(spec.ref)
    assert found.state == "unreachable"
    assert {endpoint.address for endpoint in found.endpoints} <= {"http://127.0.0.1:80"}


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_status_that_is_no_regular_file_is_ignored(driver, spec, kind, tmp_path):
    driver.apply(spec)
    until(driver, spec.ref, "ready")
    status, elsewhere = folder_of(driver, spec).status, tmp_path / "elsewhere"
    status.rename(elsewhere)
    {"link": lambda: status.symlink_to(elsewhere), "pipe": lambda: os.mkfifo(status), "folder": status.mkdir}[kind]()
    assert driver.observe(spec.ref).state == "starting"
    until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))
    until(driver, spec.ref, "ready", lambda: driver.apply(spec))
    assert elsewhere.is_file()


def write_status(driver, spec, **facts):
    """As a script can."""
    status = folder_of(driver, spec).status
    status.write_text(json.dumps(json.loads(status.read_bytes()) | facts))


@pytest.fixture
def unrelated():
    """A process that belongs to no service."""
    with subprocess.Popen(["sleep", "60"]) as other:
        yield other
        other.kill()


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


@pytest.mark.parametrize("end", ["stop", "kill", "crash"])
def test_detached_process_ends_with_its_instance(driver, spec, end, tmp_path):
    mark = str(10_000 + zlib.crc32(str(tmp_path).encode()))
    driver.apply(replace(spec, environment_variables={"BEHAVIOUR": "detaching", "MARK": mark}))
    until(driver, spec.ref, "ready")
    assert wait_for(lambda: is_sleeping(mark))
    if end == "stop":
        until(driver, spec.ref, "absent", lambda: driver.stop(spec.ref))
    else:
        process.kill(folder_of(driver, spec)) if end == "kill" else os.kill(pid_of(driver, spec.ref), signal.SIGKILL)
        until(driver, spec.ref, "dead")
    assert not is_sleeping(mark)


def is_sleeping(mark):
    """Whether the detached process of the stand-in lives."""
    return ["sleep", mark] in [one.info["cmdline"] for one in psutil.process_iter(["cmdline"])]
