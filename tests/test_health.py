"""`GET /healthz` names what is missing, and checks at most once a second."""

import pytest

from studio.workers import health
from studio.workers.heartbeat import BrokerUnavailable

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch):
    monkeypatch.setattr(health, "_known", (0.0, []))


def answer(monkeypatch, client, missing):
    monkeypatch.setattr(health, "missing_programs", missing)
    return client.get("/healthz")


def test_all_is_well(monkeypatch, client):
    found = answer(monkeypatch, client, list)

    assert (found.status_code, found.json()) == (200, {"status": "ok"})


def test_worker_without_heartbeat_is_named(monkeypatch, client):
    found = answer(monkeypatch, client, lambda: ["heavy"])

    assert (found.status_code, found.json()["missing"]) == (503, ["heavy"])


def test_an_absent_broker_is_named(monkeypatch, client):
    def away():
        raise BrokerUnavailable("connection refused")

    assert answer(monkeypatch, client, away).json()["missing"] == ["broker"]


def test_asking_often_costs_nothing(monkeypatch, client):
    asked = []
    for _ in range(5):
        answer(monkeypatch, client, lambda: asked.append(1) or [])

    assert len(asked) == 1


def test_no_session_is_made_by_asking(monkeypatch, client):
    assert not answer(monkeypatch, client, list).cookies
