"""Where the time of a model's runs goes: shares, areas and colours, and the page with its files."""

import csv
import io

import pytest

from deployments.builds.bundles import Content
from deployments.services.default_config import ensure_default_config
from monitoring.profiles import operators
from registry.inspection.operator_times import OperatorTimes
from studio.core.errors import Temporary
from tests.deployments.service_factories import make_config
from tests.monitoring.profiles.factories import make_ended_profile
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db
COSTS = {"fc1": ("Gemm", 60.0), "fc2": ("Gemm", 20.0), "relu": ("Relu", 15.0), "scale": ("Mul", 5.0)}
TIMES = {
    "batches": [
        {
            "rows": rows,
            "runs": 9,
            "microseconds": 100.0 * factor,
            "rest": 0.0,
            "operators": [[name, op, "CPU", spent * factor, 1.0] for name, (op, spent) in COSTS.items()],
        }
        for rows, factor in ((1, 1), (32, 4))
    ],
    "timeline": [["fc1", "Gemm", "CPU", 0.0, 60.0, 60.0], ["relu", "Relu", "CPU", 61.0, 15.0, 15.0]],
}


@pytest.fixture
def times(workspace, bob):
    profile = make_ended_profile(workspace, bob, make_version(workspace, "iris", user=bob), operators=TIMES)
    found = operators.times_of(profile)
    assert isinstance(found, OperatorTimes)
    return found


def test_areas_are_shares_of_the_time_and_fill_the_whole(times):
    tiles = operators.shown(times, 1).tiles
    areas = [round(tile.width * tile.height / 100, 1) for tile in tiles]
    assert areas == [60, 20, 15, 5]
    assert tiles[0].title == "fc1 (Gemm, CPU): 60.0 µs, 60 % of a run"
    assert (tiles[0].label, tiles[0].share_label) == ("fc1", "60 %")


def test_one_type_of_operator_has_one_colour(times):
    shown = operators.shown(times, 1)
    assert [tile.series for tile in shown.tiles] == [1, 1, 2, 3]
    assert shown.kinds == [(1, "Gemm", 80), (2, "Relu", 15), (3, "Mul", 5)]


def test_rows_that_were_not_measured_show_the_first_that_were(times):
    assert operators.shown(times, 32).batch.microseconds == 400
    assert operators.shown(times, 7).batch.rows == 1


def test_what_is_too_small_to_be_seen_is_one_tile(times, monkeypatch):
    monkeypatch.setattr(operators, "MOST_TILES", 2)
    tiles = operators.shown(times, 1).tiles
    assert [(tile.title.split(":")[0], tile.series) for tile in tiles] == [
        ("fc1 (Gemm, CPU)", 1),
        ("fc2 (Gemm, CPU)", 1),
        ("all others", 6),
    ]


def test_script_has_no_operators(workspace, bob):
    version = make_version(workspace, "iris", user=bob, framework="onnx")
    assert operators.measure(Content("hash", (version,), make_config(workspace, bob)), lambda: None) is None


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (Temporary("The operators could not be timed: no room."), "The operators could not be timed: no room."),
        (OSError(28, "No space left on device"), "The operators could not be timed: No space left on device."),
    ],
)
def test_operators_that_cannot_be_timed_fail_nothing(workspace, bob, monkeypatch, reason, told):
    def refuse(*_):
        raise reason

    monkeypatch.setattr(operators, "measure_operators", refuse)
    version = make_version(workspace, "iris", user=bob, framework="onnx")
    found = operators.measure(Content("hash", (version,), ensure_default_config(version, bob)), lambda: None)
    assert found == {"batches": [], "timeline": [], "note": told}


def test_page_shows_treemap_table_timeline_and_files(workspace, bob, sign_in):
    version = make_version(workspace, "iris", user=bob)
    profile = make_ended_profile(workspace, bob, version, operators=TIMES)
    client, page = sign_in(bob), profile.get_absolute_url()
    shown = client.get(f"{page}?rows=32").content.decode()
    assert "A run of 32 rows takes" in shown
    assert 'href="?rows=1#operators"' in shown
    assert "fc1 (Gemm, CPU): 240.0 µs, 60 % of a run" in shown
    figure = client.get(f"{page}data/").json()["figures"]["timeline"]
    assert figure["data"][0]["base"] == [0.0, 61.0]
    table = list(csv.reader(io.StringIO(client.get(f"{page}csv/?chart=operators&rows=1").content.decode())))
    assert table[1] == ["fc1", "Gemm", "CPU", "60.0", "60.0", "1.0"]
    line = list(csv.reader(io.StringIO(client.get(f"{page}csv/?chart=timeline").content.decode())))
    assert line[1] == ["fc1", "Gemm", "CPU", "0.0", "60.0", "60.0"]
