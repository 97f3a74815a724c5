"""How the local driver explains that a process has failed or ended."""

import os
import signal
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.targets.local import process
from tests.targets.contract import until
from tests.targets.local.local_drivers import behaving, folder_of, pid_of


def test_failure_reported_by_the_server_is_passed_on(driver, spec):
    driver.apply(behaving(spec, "failing"))
    failed = until(driver, spec.ref, "failed")
    assert (failed.failure.reason, failed.failure.message) == ("init_failed", "init() raised KeyError: 'weights'")
    assert failed.failure.evidence == "Traceback …"


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [("exits", "The server ended with exit code 3."), ("segv", "The server was ended by SIGSEGV.")],
)
def test_unreported_failure_is_explained_by_exit_status_and_log(driver, spec, behaviour, message):
    driver.apply(behaving(spec, behaviour))
    dead = until(driver, spec.ref, "dead")
    assert (dead.failure.reason, dead.failure.message) == ("worker_crashed", message)
    assert "the stand-in begins" in dead.failure.evidence


def test_kill_by_the_oom_killer_is_out_of_memory(driver, spec, monkeypatch):
    driver.apply(spec)
    until(driver, spec.ref, "ready")
    before = process.oom_kills()
    monkeypatch.setattr(process, "oom_kills", lambda: before + 1)
    os.kill(pid_of(driver, spec.ref), signal.SIGKILL)
    assert until(driver, spec.ref, "dead").failure.reason == "out_of_memory"


def test_missing_interpreter_is_an_internal_failure(driver, spec):
    driver.python_at = lambda digest: Path("/nowhere/python")
    driver.apply(spec)
    assert until(driver, spec.ref, "dead").failure.reason == "internal"


def test_taken_port_is_named(driver, spec, route):
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", route.port))
        squatter.listen()
        driver.apply(spec)
        assert until(driver, spec.ref, "failed").failure.reason == "port_taken"


def test_killed_process_group_has_a_cause_and_a_time(driver, spec):
    driver.apply(spec)
    until(driver, spec.ref, "ready")
    process.kill(folder_of(driver, spec))
    dead = until(driver, spec.ref, "dead")
    assert dead.failure.reason == "worker_crashed"
    assert driver.observe(spec.ref).ended_at == dead.ended_at


def test_restarts_are_counted_until_somebody_asks_anew(driver, spec):
    spec = behaving(spec, "exits")
    counted = []
    for _ in range(3):
        driver.apply(spec)
        counted.append(until(driver, spec.ref, "dead").restarts)
    driver.apply(replace(spec, generation=2))  # a new key, or another number of replicas
    counted.append(until(driver, spec.ref, "dead").restarts)
    driver.apply(replace(spec, generation=3, asked_at=1.0))
    counted.append(until(driver, spec.ref, "dead").restarts)
    assert counted == [0, 1, 2, 3, 0]
