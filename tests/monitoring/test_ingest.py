import json
import time

import pytest
from django.test import Client

from monitoring.models import MetricWindow
from monitoring.telemetry import ingest
from tests.monitoring.conftest import TOKEN

URL = "/api/v1/telemetry"


def window(**changes):
    facts = {
        "revision": 1,
        "replica": "1",
        "sequence": 7,
        "start": time.time() - 5,
        "seconds": 5.0,
        "counters": {"codes": {"200": 3, "500": 1}},
        "histograms": {"latency": {"120": 4}, "queue": {"3": 4}},
        "gauges": {"cpu": 0.25, "memory": 123_456_789},
    }
    return facts | changes


OLD_FIGURES = {
    "codes": {"200": 3, "500": 1},
    "keys": {"primary": 3, "none": 1},
    "spent": {"total": 900, "queue": 1, "decode": 200, "infer": 500, "encode": 100},
    "rows": {"0": 1, "8": 3},
    "latency": {"120": 4},
    "queue": {"3": 4},
    "infer": {"80": 4},
    "cpu": 0.25,
    "memory": 123_456_789,
}


def old_window(**changes):
    """A window as a scoring server of version 0.1.0 pushes it."""
    facts = {"revision": 1, "replica": "1", "sequence": 7, "start": time.time() - 5, "seconds": 5.0}
    return facts | OLD_FIGURES | changes


def push(service, *windows, token=TOKEN, client=None):
    body = json.dumps({"service": service.pk, "windows": list(windows)})
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    client = client or Client(enforce_csrf_checks=True)
    return client.post(URL, body, content_type="application/json", headers=headers)


def test_window_is_stored_as_sent(service):
    answer = push(service, window())
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    kept = MetricWindow.objects.get()
    assert (kept.service, kept.revision, kept.replica, kept.sequence) == (service, 1, "1", 7)
    assert (kept.counters, kept.histograms, kept.gauges) == (
        {"codes": {"200": 3, "500": 1}},
        {"latency": {"120": 4}, "queue": {"3": 4}},
        {"cpu": 0.25, "memory": 123_456_789},
    )
    assert kept.seconds == 5.0


def test_a_window_of_an_older_scoring_server_loses_nothing(service):
    assert push(service, old_window()).status_code == 202
    kept = MetricWindow.objects.get()
    assert kept.counters | kept.histograms | kept.gauges == OLD_FIGURES
    assert (set(kept.counters), set(kept.gauges)) == ({"codes", "keys", "spent", "rows"}, {"cpu", "memory"})


def test_unknown_metrics_are_ignored(service):
    assert push(service, window(counters={"codes": {"200": 1}, "tokens": {"": 7}})).status_code == 202
    assert MetricWindow.objects.get().counters == {"codes": {"200": 1}}


def test_a_repeated_push_counts_once(service):
    first = window()
    push(service, first)
    answer = push(service, first, window(sequence=8))
    assert answer.status_code == 202
    assert sorted(MetricWindow.objects.values_list("sequence", flat=True)) == [7, 8]


def test_push_takes_one_query_for_the_token_and_one_for_the_windows(service, django_assert_num_queries):
    body = ingest.decode(json.dumps({"service": service.pk, "windows": [window(), window(sequence=8)]}).encode())
    with django_assert_num_queries(2):
        assert ingest.accept(TOKEN, body) == 2


@pytest.mark.parametrize("token", ["", "guessed"])
def test_an_unknown_token_is_refused_with_401(service, token):
    answer = push(service, window(), token=token)
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["code"] == "token_unknown"
    assert answer.json()["errors"][0]["hint"]
    assert not MetricWindow.objects.exists()


def test_a_service_without_a_token_accepts_nothing(service):
    type(service).objects.update(telemetry_digest="")
    assert push(service, window(), token="").status_code == 401


def test_token_of_another_service_is_rejected_like_an_unknown_one(service, workspace, make_service):
    make_service(workspace, "digits", token="token-of-digits")
    answers = [push(service, window(), token=token) for token in ("token-of-digits", "no-token")]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json() == answers[1].json()
    assert not MetricWindow.objects.exists()


def test_session_cookie_is_not_accepted_for_a_push(service, alice, sign_in):
    assert push(service, window(), token="", client=sign_in(alice)).status_code == 401


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"service": "x", "windows": []}', b'{"service": 1, "windows": [{}]}', b"\xff"]
)
def test_malformed_push_is_rejected_with_its_reason(service, body):
    answer = Client().post(URL, body, content_type="application/json", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 400
    assert "not a telemetry push" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("replica", "*"),
        ("replica", "x" * 65),
        ("sequence", -1),
        ("sequence", 2**60),
        ("revision", -1),
        ("start", -1.0),
        ("start", 1e18),
        ("seconds", 0.0),
        ("seconds", 1e9),
        ("codes", {"200": -1}),
        ("codes", {"abc": 1}),
        ("latency", {"4000": 1}),
        ("latency", {"-1": 1}),
        ("queue", {"x": 1}),
        ("infer", {"9999": 1}),
        ("spent", {"lunch": 1}),
        ("spent", {"queue": -1}),
        ("rows", {"00": 1}),
        ("rows", {"many": 1}),
        ("keys", {"golden": 1}),
        ("cpu", -1.0),
        ("memory", -5),
    ],
)
def test_invalid_values_are_rejected_and_named(service, field, value):
    answer = push(service, old_window(**{field: value}))
    assert answer.status_code == 400
    assert field in answer.json()["errors"][0]["detail"]
    assert not MetricWindow.objects.exists()


def test_a_push_that_is_too_large_is_refused(service, monkeypatch):
    monkeypatch.setattr(ingest, "MAX_BYTES", 100)
    assert push(service, window()).status_code == 413
    monkeypatch.undo()
    monkeypatch.setattr(ingest, "MAX_WINDOWS", 1)
    assert push(service, window(), window(sequence=8)).status_code == 400


def test_windows_older_than_the_retention_are_ignored(service, settings):
    answer = push(
        service, window(), window(sequence=6, start=time.time() - settings.SLIPWAY["METRICS_KEEP_SECONDS"] - 60)
    )
    assert answer.json() == {"accepted": 1}
    assert MetricWindow.objects.get().sequence == 7


def test_a_window_from_the_future_is_moved_back_to_now(service):
    push(service, window(start=time.time() + 3600))
    assert abs(MetricWindow.objects.get().start.timestamp() + 5 - time.time()) < 10
