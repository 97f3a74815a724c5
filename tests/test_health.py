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


def test_healthy_studio_answers_200(monkeypatch, client):
    found = answer(monkeypatch, client, list)

    assert (found.status_code, found.json()) == (200, {"status": "ok"})


def test_worker_without_heartbeat_is_named(monkeypatch, client):
    found = answer(monkeypatch, client, lambda: ["heavy"])

    assert (found.status_code, found.json()["missing"]) == (503, ["heavy"])


def test_unreachable_broker_is_named(monkeypatch, client):
    def away():
        raise BrokerUnavailable("connection refused")

    assert answer(monkeypatch, client, away).json()["missing"] == ["broker"]


def test_result_is_cached_for_a_second(monkeypatch, client):
    asked = []
    for _ in range(5):
        answer(monkeypatch, client, lambda: asked.append(1) or [])

    assert len(asked) == 1


def test_health_check_creates_no_session(monkeypatch, client):
    assert not answer(monkeypatch, client, list).cookies
