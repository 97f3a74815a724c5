import csv
import io
import re
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from deployments.models import KeyUse
from monitoring.telemetry.ranges import choose, series_for

OF_A_RANGE = ["metrics/", "metrics/data/", "metrics/csv/"]
PAGES = [*OF_A_RANGE, "metrics/keys/", "metrics/keys.csv"]


def address(service, view):
    return f"/w/{service.workspace.slug}/services/{service.name}/{view}"


@pytest.fixture
def asked(service, add_window, add_revision):
    for index in range(24):
        add_window(service, ago=240 - 5 * index, latencies=[1500] * 4, codes={"200": 3, "503": 1})
    return service


@pytest.mark.parametrize("view", PAGES)
def test_viewer_can_see_metrics(asked, carol, sign_in, view):
    assert sign_in(carol).get(address(asked, view)).status_code == 200


@pytest.mark.parametrize("view", PAGES)
def test_metrics_are_not_found_for_non_members(asked, mallory, sign_in, view):
    assert sign_in(mallory).get(address(asked, view)).status_code == 404


@pytest.mark.parametrize("view", PAGES)
def test_a_service_of_another_workspace_is_not_found(asked, elsewhere, mallory, sign_in, view):
    answer = sign_in(mallory).get(f"/w/elsewhere/services/{asked.name}/{view}")
    assert answer.status_code == 404


@pytest.mark.parametrize("view", PAGES)
def test_underscore_in_a_service_name_counts_as_a_dash(asked, carol, sign_in, view):
    type(asked).objects.filter(pk=asked.pk).update(name="my-deploy")
    assert sign_in(carol).get(f"/w/vision/services/my_deploy/{view}").status_code == 200


@pytest.mark.parametrize("view", PAGES)
def test_anonymous_visitor_is_sent_to_sign_in(asked, client, view):
    answer = client.get(address(asked, view))
    assert answer.status_code == 302
    assert "sign-in" in answer.url


@pytest.mark.parametrize("view", OF_A_RANGE)
def test_an_unknown_range_is_refused(asked, carol, sign_in, view):
    assert sign_in(carol).get(address(asked, view), {"range": "1y"}).status_code == 400


def panel(client, service, **query):
    return client.get(address(service, "metrics/"), query, headers={"HX-Request": "true"}).content.decode()


def test_the_panel_has_four_tiles_and_six_charts(asked, carol, sign_in):
    html = panel(sign_in(carol), asked)
    assert "<html" not in html
    assert re.findall(r'class="stat-label">([^<]+)', html) == ["Throughput", "Latency p95", "Error rate", "Memory"]
    assert re.findall(r'data-figure="(\w+)"', html) == [
        "throughput", "latency", "time", "errors", "cpu", "memory",
    ]  # fmt: skip
    assert html.count('data-refresh="5"') == 6
    assert f'data-url="{address(asked, "metrics/data/")}?range=15m"' in html
    assert html.count(f'data-zoom="{address(asked, "metrics/")}"') == 6
    assert html.count("download>CSV</a>") == 6
    error_rate = re.search(r'Error rate</span>\s*<span class="stat-value">\s*([^<\s]+)', html)
    assert error_rate[1] == "25", "a quarter of the answers were 503"


@pytest.fixture
def used_keys(asked):
    """Eight keys, on two days; `key-1` is the busiest."""
    today = timezone.now().date()
    for number in range(1, 9):
        for ago, requests in ((0, 100 - number), (3, 10)):
            day = today - timedelta(days=ago)
            KeyUse.objects.create(service=asked, key=f"key-{number}", day=day, requests=requests, rows=2 * requests)
    return today


def test_requests_by_key_and_day_are_a_chart_a_table_and_a_file(asked, used_keys, carol, sign_in):
    client = sign_in(carol)
    html = panel(client, asked)
    assert f'data-url="{address(asked, "metrics/keys/")}"' in html
    assert re.findall(r'<th scope="col"[^>]*>([^<]+)', html)[-7:] == [
        "day (UTC)", "key-1", "key-2", "key-3", "key-4", "key-5", "other keys",
    ]  # fmt: skip

    bars = client.get(address(asked, "metrics/keys/")).json()["data"]
    assert {bar["name"]: (bar["y"][-1], bar["y"][-4]) for bar in bars} == {
        **{f"key-{number}": (100 - number, 10) for number in range(1, 6)},
        "other keys": (94 + 93 + 92, 30),
    }
    lines = client.get(address(asked, "metrics/keys.csv")).content.decode().splitlines()
    assert lines[0] == "day (UTC),key,requests,rows"
    assert f"{used_keys},key-8,92,184" in lines
    assert len(lines) == 1 + 2 * 8


def test_nothing_is_said_of_keys_that_no_front_has_counted(asked, carol, sign_in):
    assert "Requests by key" not in panel(sign_in(carol), asked)


def test_batch_size_is_shown_for_batched_requests(asked, add_window, carol, sign_in):
    add_window(asked, ago=3, latencies=[1500] * 8, rows={"1": 2, "4": 6})
    assert 'data-figure="batch"' in panel(sign_in(carol), asked)
    answer = sign_in(carol).get(address(asked, "metrics/data/")).json()
    assert max(filter(None, answer["figures"]["batch"]["data"][0]["y"])) == pytest.approx(3.25)


def test_only_the_tiles_are_polled(asked, carol, sign_in):
    html = panel(sign_in(carol), asked, part="tiles", range="1h")
    assert "stat-label" in html
    assert "chart" not in html
    assert "part=tiles&amp;range=1h" in html


def test_metrics_page_without_javascript_has_a_table_of_the_newest_steps(asked, carol, sign_in):
    html = sign_in(carol).get(address(asked, "metrics/")).content.decode()
    assert re.search(r'aria-current="page">\s*Metrics', html)
    without_script = html.split("<noscript>")[1].split("</noscript>")[0]
    assert without_script.count("<tr>") == 31
    assert "503 errors/s" in without_script


def test_table_view_has_a_row_for_each_step(asked, carol, sign_in):
    html = sign_in(carol).get(address(asked, "metrics/"), {"view": "table"}).content.decode()
    assert 1 + 48 <= html.count("<tr>") < 60, "the four minutes since the first report, in steps of 5 s"


def test_metrics_tab_parameter_redirects_to_the_metrics_page(asked, carol, sign_in):
    answer = sign_in(carol).get(f"/w/vision/services/{asked.name}/", {"tab": "metrics"})
    assert answer.url == address(asked, "metrics/")


def test_time_axis_starts_at_the_first_window_of_a_new_service(asked, carol, sign_in):
    axis = sign_in(carol).get(address(asked, "metrics/data/")).json()["figures"]["cpu"]["layout"]["xaxis"]["range"]
    begin, end = (datetime.fromisoformat(text) for text in axis)
    assert timedelta(seconds=240) <= end - begin <= timedelta(seconds=255)


def test_time_axis_spans_the_range_of_an_older_service(asked, add_window, carol, sign_in):
    add_window(asked, ago=5000)
    axis = sign_in(carol).get(address(asked, "metrics/data/")).json()["figures"]["cpu"]["layout"]["xaxis"]["range"]
    begin, end = (datetime.fromisoformat(text) for text in axis)
    assert end - begin >= timedelta(seconds=900)


def test_custom_range_is_kept_in_all_links_and_not_refreshed(asked, carol, sign_in):
    query = {"since": "2026-11-29T02:00", "until": "2026-11-29T03:00:00Z", "scale": "log"}
    html = sign_in(carol).get(address(asked, "metrics/"), query).content.decode()
    kept = "since=2026-11-29T02%3A00%3A00Z&amp;until=2026-11-29T03%3A00%3A00Z&amp;scale=log"
    assert f'data-url="{address(asked, "metrics/data/")}?{kept}"' in html
    assert f'href="{address(asked, "metrics/csv/")}?{kept}"' in html
    assert "data-refresh" not in html
    assert 'value="2026-11-29T02:00"' in html
    layout = sign_in(carol).get(address(asked, "metrics/data/"), query).json()["figures"]["latency"]["layout"]
    assert layout["xaxis"]["range"] == ["2026-11-29T02:00:00Z", "2026-11-29T03:00:00Z"]
    assert layout["yaxis"]["type"] == "log"


@pytest.mark.parametrize(
    "query",
    [
        {"since": "yesterday", "until": "2026-11-29T03:00"},
        {"since": "2026-11-29T03:00"},
        {"since": "2026-11-29T03:00", "until": "2026-11-29T02:00"},
        {"since": "2026-01-01T00:00", "until": "2026-11-29T02:00"},
        {"since": "0001-01-01T00:00+14:00", "until": "0001-01-01T00:10"},
        {"since": "2026-02-30T00:00", "until": "2026-11-29T02:00"},
    ],
)
def test_invalid_custom_range_is_refused(asked, carol, sign_in, query):
    assert sign_in(carol).get(address(asked, "metrics/data/"), query).status_code == 400


def test_throughput_tile_equals_the_mean_of_the_chart(service, add_window, carol, sign_in):
    for ago in (52, 47, 42, 37):
        add_window(service, ago=ago, latencies=[1500])
    series = series_for(service, choose("15m"), whole=False)
    counted = [
        (rate, span) for rate, span in zip(series.requests, series.metrics.spans, strict=True) if rate is not None
    ]
    mean = sum(rate * span for rate, span in counted) / sum(span for _, span in counted)
    assert series.total.requests_per_second == pytest.approx(mean, rel=0.01)
    html = panel(sign_in(carol), service)
    assert re.search(
        r"Throughput</span>\s*<span class=\"stat-value\">\s*12\s*<span class=\"stat-unit\">requests/min", html
    )
    chart = sign_in(carol).get(address(service, "metrics/data/")).json()["figures"]["throughput"]
    assert chart["layout"]["meta"] == {"unit": "requests/min"}
    assert max(filter(None, chart["data"][0]["y"])) == pytest.approx(12, rel=0.1)


def test_panel_of_an_uncalled_service_shows_how_to_send_a_request(service, add_window, carol, sign_in):
    add_window(service, ago=20)
    html = panel(sign_in(carol), service)
    assert "No requests yet" in html
    assert f"curl -X POST http://127.0.0.1:{service.port}/score" in html
    assert f"slipway service score {service.name}" in html
    assert 'hx-trigger="every 5s"' in html
    assert "data-figure" not in html


@pytest.mark.parametrize("phase", ["Failed", "Stopped"])
def test_panel_of_an_uncalled_service_that_cannot_answer_suggests_no_request(service, carol, sign_in, phase):
    type(service).objects.update(phase=phase)
    html = panel(sign_in(carol), service)
    assert f"The service is {phase.lower()}, no calls possible." in html
    assert "curl" not in html


def test_example_request_is_the_warm_up_request(service, add_revision, add_window, carol, sign_in):
    revision = add_revision(service, 1, timezone.now())
    revision.deployment_config |= {"server": {"warm_up": {"body": {"inputs": []}, "path": "/v2/models/iris/infer"}}}
    revision.save()
    service.wanted_revision = 1
    service.save()
    add_window(service, ago=20)
    html = panel(sign_in(carol), service)
    assert f"curl -X POST http://127.0.0.1:{service.port}/v2/models/iris/infer" in html
    assert f"slipway service score {service.name} --path /v2/models/iris/infer -d" in html


def test_service_without_recent_requests_keeps_its_charts(service, add_window, carol, sign_in):
    add_window(service, ago=86400, latencies=[1000])
    assert "data-figure" in panel(sign_in(carol), service)


def test_data_endpoint_returns_all_figures(asked, carol, sign_in):
    answer = sign_in(carol).get(address(asked, "metrics/data/")).json()
    assert set(answer) == {"figures", "as_of"}
    assert set(answer["figures"]) == {"throughput", "latency", "time", "errors", "cpu", "memory"}
    assert max(filter(None, answer["figures"]["throughput"]["data"][0]["y"])) == pytest.approx(48, rel=0.05)


def test_csv_has_the_numbers_of_the_charts_with_units(asked, carol, sign_in):
    answer = sign_in(carol).get(address(asked, "metrics/csv/"), {"range": "1h"})
    assert answer["Content-Disposition"] == 'attachment; filename="iris-1h.csv"'
    head, *rows = csv.reader(io.StringIO(answer.content.decode()))
    assert head[:3] == ["time (UTC)", "requests/s", "p50 ms"]
    assert head[-3:] == ["503 errors/s", "CPU cores", "memory MB"]
    assert len(rows) > 170
    assert rows[0][1:] == [""] * (len(head) - 1), "a gap is an empty field"
    assert any(row[1] and float(row[1]) > 0 for row in rows)


def test_csv_of_one_chart_has_only_its_numbers(asked, carol, sign_in):
    answer = sign_in(carol).get(address(asked, "metrics/csv/"), {"chart": "latency"})
    assert answer.content.decode().splitlines()[0] == "time (UTC),p50 ms,p95 ms,p99 ms,queue p95 ms"


def test_home_sums_the_last_hour_over_all_services(asked, workspace, make_service, add_window, carol, sign_in):
    add_window(make_service(workspace, "digits", token="other"), ago=100, latencies=[1000] * 4)
    html = sign_in(carol).get("/w/vision/metrics/home/").content.decode()
    assert "100 requests" in html
    assert "24 with status 400 or more" in html
    assert re.findall(r'services/(\w+)/metrics/"', html) == ["iris", "digits"]


def test_home_counts_only_this_workspace(asked, elsewhere, make_service, mallory, sign_in):
    make_service(elsewhere, "quiet", token="quiet")
    html = sign_in(mallory).get("/w/elsewhere/metrics/home/").content.decode()
    assert "No service was called in the last hour" in html
    assert "iris" not in html


def rest(service, **query):
    return f"/api/v1/workspaces/{service.workspace.slug}/services/{service.name}/metrics", query


def test_rest_gives_the_series_as_numbers(asked, carol, api):
    answer = api(carol, access="read").get(*rest(asked, range="15m"))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["service"], body["range"], body["step_seconds"]) == ("iris", "15m", 10)
    assert len(body["times"]) == len(body["requests_per_second"]) == len(body["latency_ms"]["p95"])
    assert (body["total"]["requests"], body["total"]["errors"]) == (96, 24)
    assert (body["time_ms"], body["rows_per_run"]) == ({}, []), "these windows do not tell"


def test_rest_rejects_non_members_and_unknown_services(asked, carol, mallory, api):
    assert api(mallory).get(*rest(asked)).status_code == 404
    assert api(carol).get("/api/v1/workspaces/vision/services/nothing/metrics").status_code == 404
    assert api(carol).get(*rest(asked, range="1y")).status_code == 400
