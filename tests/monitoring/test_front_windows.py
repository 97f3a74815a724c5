"""What fronts count: kept once, told apart from what replicas count, and shown as callers saw it."""

import time

import msgspec
import pytest
from django.test import Client
from django.utils import timezone

from deployments.models import Traffic
from deployments.services.traffic import describe_traffic
from monitoring.models import FrontWindow, MetricWindow, Resolution
from monitoring.telemetry.overview import overview
from monitoring.telemetry.ranges import choose, series_for
from monitoring.telemetry.recent import read_recent
from monitoring.telemetry.rollups import roll_up
from scoring.contract import Window, bucket_of
from scoring.front_contract import FrontReport
from studio.core.secrets import read_or_create_secret
from tests.monitoring.test_pages import address, panel


@pytest.fixture
def send(db, settings, tmp_path):
    """`send({service: [window, …]})`, as the front does."""
    settings.FRONT_FOLDER, settings.FRONT = tmp_path, settings.FRONT | {"enabled": True}
    headers = {"Authorization": f"Bearer {read_or_create_secret(tmp_path / 'report.key')}"}

    def post(windows) -> int:
        report = FrontReport(front="front", started_at=1e9, applied=3, windows=windows)
        body = msgspec.json.encode(report)
        return Client().post("/api/v1/front/report", body, "application/json", headers=headers).status_code

    return post


def window(**changes) -> Window:
    facts = {
        "revision": 1,
        "replica": "front-front",
        "sequence": 7,
        "start": time.time() - 30,
        "seconds": 5.0,
        "counters": {"codes": {"200": 3, "503": 1}},
        "histograms": {"latency": {str(bucket_of(9000)): 3}},
    }
    return Window(**facts | changes)


def test_window_is_kept_once_however_often_it_is_reported(send, service):
    assert [send({service.pk: [window()]}), send({service.pk: [window(), window(sequence=8)]})] == [204, 204]

    assert sorted(FrontWindow.objects.values_list("service", "revision", "replica", "sequence")) == [
        (service.pk, 1, "front-front", 7),
        (service.pk, 1, "front-front", 8),
    ]
    assert FrontWindow.objects.first().counters == {"codes": {"200": 3, "503": 1}}
    assert not MetricWindow.objects.exists()


def test_what_cannot_be_and_services_that_are_gone_are_left_out_and_the_rest_is_kept(send, service):
    wrong = [window(sequence=1, seconds=-1.0), window(sequence=2, counters={"codes": {"600": 1}})]
    wrong.append(window(sequence=3, counters={"codes": {"200": -1}}))

    assert send({service.pk: [*wrong, window()], service.pk + 1: [window()]}) == 204

    assert FrontWindow.objects.get().sequence == 7


def test_no_figure_counts_a_request_twice(send, service, workspace, add_window, carol, sign_in, api):
    add_window(service, ago=30, latencies=[1500] * 4, codes={"200": 4})

    def figures():
        shown = series_for(service, choose("15m"))
        found = overview(workspace)
        page = api(carol, access="read").get(f"/api/v1/workspaces/vision/services/{service.name}/metrics").json()
        return {
            "series": shown.total,
            "throughput": [value for value in shown.requests if value],
            "latency": [value for value in shown.p99 if value],
            "memory": [value for value in shown.memory if value],
            "errors": shown.errors,
            "home": (found.total.requests, found.recent, [row[1].requests for row in found.services]),
            "lists": read_recent([service]),
            "rest": page["total"]["requests"],
        }

    before = figures()
    now = timezone.now().timestamp()
    send({service.pk: [window(sequence=number, start=now - 40 + 5 * number) for number in range(4)]})

    assert FrontWindow.objects.count() == 4
    assert figures() == before


def test_service_that_only_the_front_has_heard_of_still_says_how_to_call_it(send, service):
    send({service.pk: [window(counters={"codes": {"503": 5}}, histograms={})]})

    from monitoring.views.pages import _had_requests

    assert not _had_requests(service)


def test_charts_show_what_callers_saw(send, service, add_window, carol, sign_in):
    client = sign_in(carol)
    add_window(service, ago=30, latencies=[1500] * 4, codes={"200": 4})
    assert 'data-figure="callers' not in panel(client, service)

    send({service.pk: [window()]})

    assert 'data-figure="callers_latency"' in panel(client, service)
    data = client.get(address(service, "metrics/data/")).json()["figures"]
    assert [trace["name"] for trace in data["callers_errors"]["data"]] == ["503"]
    assert max(value or 0 for value in data["callers_latency"]["data"][2]["y"]) == pytest.approx(9, rel=0.07)
    assert max(value or 0 for value in data["latency"]["data"][2]["y"]) < 2
    header = client.get(address(service, "metrics/csv/")).content.decode().splitlines()[0]
    assert "p95 for callers ms" in header
    assert "503 for callers/s" in header


def test_old_windows_of_fronts_and_replicas_are_merged_apart(service, add_window):
    for kind in (MetricWindow, FrontWindow):
        for number in range(3):
            add_window(service, ago=7200 + 5 * number, sequence=number, codes={"200": 2}, kind=kind)

    roll_up()

    for kind in (MetricWindow, FrontWindow):
        rows = kind.objects.all()
        assert {row.resolution for row in rows} == {Resolution.MINUTE}
        assert sum(row.counters["codes"]["200"] for row in rows) == 6


def test_agreement_of_copies_is_shown_with_the_traffic(send, service, add_revision):
    revision = add_revision(service, 2, timezone.now())
    Traffic.objects.create(service=service, revision=revision, percent=100, mirror_percent=10)
    copies = {"agreed": 90, "disagreed": 10, "failed": 1, "dropped": 2}
    for number in range(2):
        counters = {
            "copies": copies,
            "copy_time": {"caller": 1_000_000, "copy": 1_500_000},
            "distances": {f"{number + 1}e-03 logits": 40, "4e-04 class": 3, "0 id": 7},
        }
        send({service.pk: [window(revision=2, sequence=number, counters=counters, histograms={})]})

    (row,) = describe_traffic(service)["revisions"]

    assert row["shadow"] == {
        "compared": 200,
        "disagreed": 20,
        "failed": 2,
        "dropped": 4,
        "outputs": {"class": 0.0004, "id": 0.0, "logits": 0.002},
        "slower_ms": 5.0,
    }


def test_revision_without_copies_has_no_agreement(send, service, add_revision):
    Traffic.objects.create(service=service, revision=add_revision(service, 1, timezone.now()), percent=100)
    send({service.pk: [window()]})

    assert describe_traffic(service)["revisions"][0]["shadow"] is None


@pytest.mark.parametrize("label", ["1e-03", "12e-03 a", "1e-03 a\x00b", "nan a", "1e-03 " + "x" * 65])
def test_impossible_distances_are_left_out(send, service, label):
    send({service.pk: [window(counters={"distances": {label: 1}})]})

    assert not FrontWindow.objects.exists()
