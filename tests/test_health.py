"""`GET /healthz` names what is missing, and asks nobody twice within a second."""

import pytest

from studio.workers import health
from studio.workers.heartbeat import BrokerAway

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    monkeypatch.setattr(health, "_known", (0.0, []))


def answer(monkeypatch, client, silent):
    monkeypatch.setattr(health, "silent", silent)
    return client.get("/healthz")


def test_all_is_well(monkeypatch, client):
    found = answer(monkeypatch, client, list)

    assert (found.status_code, found.json()) == (200, {"status": "ok"})


def test_a_silent_worker_is_named(monkeypatch, client):
    found = answer(monkeypatch, client, lambda: ["heavy"])

    assert (found.status_code, found.json()["missing"]) == (503, ["heavy"])


def test_an_absent_broker_is_named(monkeypatch, client):
    def away():
        raise BrokerAway("connection refused")

    assert answer(monkeypatch, client, away).json()["missing"] == ["broker"]


def test_asking_often_costs_nothing(monkeypatch, client):
    asked = []
    for _ in range(5):
        answer(monkeypatch, client, lambda: asked.append(1) or [])

    assert len(asked) == 1


def test_no_session_is_made_by_asking(monkeypatch, client):
    assert not answer(monkeypatch, client, list).cookies
