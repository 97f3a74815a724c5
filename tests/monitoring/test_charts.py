import json
from datetime import UTC, datetime, timedelta

import pytest

from monitoring.charts import charts
from monitoring.telemetry.series import Figures, Mark, Series

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def series(**changes):
    facts = {
        "times": [NOON + timedelta(seconds=10 * index) for index in range(4)],
        "step": 10,
        "requests": [1, None, 2.3456789, 0],
        "p50": [1, None, 2, None],
        "p95": [3, None, 4, None],
        "p99": [5, None, 6, None],
        "queue_p95": [0.1, None, 0.2, None],
        "errors": {"400": [0, None, 1, 0], "503": [0, None, 0.5, 0]},
        "cpu": [0.5, None, 0.25, 0.1],
        "memory": [100_000_000, None, 120_000_000, 110_000_000],
        "parts": {"queue": [1, None, 2, None], "infer": [3, None, 4, None], "other": [0.5, None, 0, None]},
        "batch": [1, None, 6.5, None],
        "marks": [Mark(NOON + timedelta(seconds=15), "r2")],
        "total": Figures(),
    }
    return Series(**(facts | changes))


def draw(chart, data):
    return charts.CHARTS[chart].draw(data)


def test_chart_is_one_entry_in_the_table(service, add_window, carol, sign_in, api, monkeypatch):
    add_window(service, ago=30, latencies=[1500] * 4)
    columns = lambda data: [charts.Column("p50", "median ms", data.p50, charts.BLUE)]  # noqa: E731
    monkeypatch.setitem(charts.CHARTS, "median", charts.Chart("median", "Median", "ms", columns))
    page, client = f"/w/vision/services/{service.name}/metrics/", sign_in(carol)
    assert 'data-figure="median"' in client.get(page).content.decode()
    assert client.get(f"{page}data/").json()["figures"]["median"]["layout"]["title"]["text"] == "Median, ms"
    assert "median ms" in client.get(page, {"view": "table"}).content.decode()
    assert client.get(f"{page}csv/", {"chart": "median"}).content.decode().startswith("time (UTC),median ms")
    numbers = api(carol, access="read").get(f"/api/v1/workspaces/vision/services/{service.name}/metrics").json()
    assert numbers["median"]["p50"] == numbers["latency_ms"]["p50"]


def test_figures_are_small_plain_json():
    figures = charts.all_figures(series())
    assert set(figures) == {"throughput", "latency", "time", "batch", "errors", "cpu", "memory"}
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert len(json.dumps(figures)) < 16_000


@pytest.mark.parametrize(
    ("chart", "title", "unit"),
    [
        ("throughput", "Throughput, requests/s", "requests/s"),
        ("latency", "Latency, ms", "ms"),
        ("time", "Latency breakdown, ms per request", "ms"),
        ("batch", "Batch size, rows per run", "rows"),
        ("errors", "Errors by status, errors/s", "errors/s"),
        ("cpu", "CPU, cores", "cores"),
        ("memory", "Memory, MB", "MB"),
    ],
)
def test_titles_and_axes_name_the_unit(chart, title, unit):
    layout = draw(chart, series())["layout"]
    assert layout["title"]["text"] == title
    assert layout["yaxis"]["title"]["text"] == unit
    assert layout["yaxis"]["rangemode"] == "tozero"
    assert layout["xaxis"]["range"] == ["2026-11-20T12:00:00Z", "2026-11-20T12:00:40Z"]


def test_low_throughput_and_its_errors_are_drawn_per_minute():
    slow = series(total=Figures(requests_per_second=0.05), requests=[0.05, None, 0.1, 0], errors={"500": [0.05] * 4})
    throughput, errors = draw("throughput", slow), draw("errors", slow)
    assert throughput["data"][0]["y"] == [3, None, 6, 0]
    assert throughput["layout"]["yaxis"]["title"]["text"] == throughput["layout"]["meta"]["unit"] == "requests/min"
    assert (errors["data"][0]["y"][0], errors["layout"]["meta"]["unit"]) == (3, "errors/min")
    assert charts.captions(slow)[0] == {"id": "throughput", "title": "Throughput", "unit": "requests/min"}


def test_logarithmic_scale_applies_to_latency_only():
    figures = charts.all_figures(series(), log=True)
    assert {name for name, figure in figures.items() if figure["layout"]["yaxis"].get("type") == "log"} == {"latency"}


def test_gaps_are_not_connected():
    (trace,) = draw("throughput", series())["data"]
    assert trace["x"][1] == "2026-11-20T12:00:10Z"
    assert trace["y"] == [1, None, 2.3457, 0]
    assert trace["connectgaps"] is False


def test_a_value_between_two_gaps_is_drawn_as_a_point():
    lonely = [None if index % 2 else 1 for index in range(100)]
    times = [NOON + timedelta(seconds=10 * index) for index in range(100)]
    assert draw("cpu", series(times=times, cpu=lonely, marks=[]))["data"][0]["mode"] == "lines+markers"
    assert draw("cpu", series(times=times, cpu=[1.0] * 100, marks=[]))["data"][0]["mode"] == "lines"


def test_latency_shows_three_percentiles_and_the_queue_time_in_fixed_colours():
    figure = draw("latency", series())
    assert [trace["name"] for trace in figure["data"]] == ["p50", "p95", "p99", "queue p95"]
    colours = [trace["line"]["color"] for trace in figure["data"]]
    assert len(set(colours)) == 4
    assert all(colour.startswith("--series-") for colour in colours)
    assert figure["layout"]["showlegend"] is True


def test_colour_of_a_status_does_not_depend_on_other_statuses():
    def colour(**codes):
        figure = draw("errors", series(errors={code[1:]: [1, 1, 1, 1] for code in codes}))
        return {trace["name"]: trace["marker"]["color"] for trace in figure["data"]}

    assert colour(c400=1, c503=1)["503"] == colour(c503=1)["503"]
    assert colour(c418=1)["418"] != colour(c599=1)["599"]


def test_errors_are_stacked_bars_or_a_note_without_errors():
    figure = draw("errors", series())
    assert [(trace["type"], trace["name"]) for trace in figure["data"]] == [("bar", "400"), ("bar", "503")]
    assert figure["layout"]["barmode"] == "stack"
    assert draw("errors", series(errors={"400": [1, 1, 1, 1]}))["layout"]["showlegend"] is True, "it names the status"
    empty = draw("errors", series(errors={}, marks=[]))
    assert empty["data"] == []
    assert [note["text"] for note in empty["layout"]["annotations"]] == ["No errors in this time"]


def test_parts_of_the_latency_are_stacked_in_fixed_colours():
    figure = draw("time", series())
    assert [(trace["type"], trace["name"]) for trace in figure["data"]] == [
        ("bar", "queue"), ("bar", "infer"), ("bar", "other"),
    ]  # fmt: skip
    assert figure["layout"]["barmode"] == "stack"
    assert len({trace["marker"]["color"] for trace in figure["data"]}) == 3
    assert figure["data"][0]["y"] == [1, None, 2, None], "a gap is no bar of no height"


def test_chart_without_measured_times_has_a_note():
    figure = draw("time", series(parts={}, marks=[]))
    assert [note["text"] for note in figure["layout"]["annotations"]] == ["Not measured in this time"]


def test_batch_size_is_drawn_only_for_batched_requests():
    assert "batch" not in charts.all_figures(series(batch=[]))


def test_memory_is_in_megabytes():
    assert draw("memory", series())["data"][0]["y"] == [100, None, 120, 110]


def test_deployments_are_vertical_lines_with_their_revision():
    layout = draw("cpu", series())["layout"]
    (line,) = layout["shapes"]
    assert (line["x0"], line["x1"], line["y0"], line["y1"], line["yref"]) == (
        "2026-11-20T12:00:15Z",
        "2026-11-20T12:00:15Z",
        0,
        1,
        "paper",
    )
    assert layout["annotations"][0]["text"] == "r2"


def test_fonts_and_grid_colours_are_left_to_the_page():
    figures = charts.all_figures(series())
    text = json.dumps(figures)
    assert "gridcolor" not in text
    assert not any("template" in figure["layout"] or "font" in figure["layout"] for figure in figures.values())
    assert "var(" not in text
