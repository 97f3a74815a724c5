"""The broker is only a doorbell: when it is away, nobody waits at the door."""

import logging

import pytest

from deployments import tasks
from studio.core import enqueue

send = enqueue._send  # before conftest.py's `rings` replaces it


@pytest.fixture
def nobody_sleeps(monkeypatch):
    def refuse(seconds):
        raise AssertionError(f"a publisher slept {seconds} s")

    monkeypatch.setattr("kombu.utils.functional.sleep", refuse)


def test_a_ring_without_a_broker_is_noted_and_never_waits(nobody_sleeps, monkeypatch, caplog, tmp_path):
    monkeypatch.setattr(tasks.reconcile.app.conf, "broker_url", f"redis+socket://{tmp_path}/nobody.sock")
    monkeypatch.setattr(tasks.reconcile.app.conf, "broker_write_url", f"redis+socket://{tmp_path}/nobody.sock")
    with caplog.at_level(logging.WARNING):
        send(tasks.reconcile, (7,))
    assert "the tick will pick up deployments.tasks.reconcile(7,)" in caplog.text
