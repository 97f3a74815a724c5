"""Tables on a terminal: whole values at every width."""

import pytest

from slipway import tables

HEADINGS = ["name", "state", "address", "tags"]
ROWS = [
    ["a-model-with-quite-a-long-name", "Healthy", "http://127.0.0.1:21136/score", "area=vision, stage=production"],
    ["[bold]名前[/]", "Failed", "", "[x]=1"],
]


@pytest.mark.parametrize("width", [1, 20, 40, 80, 100, 200])
def test_no_name_and_no_address_is_broken_or_cut_at_any_width(width):
    lines = tables.drawn(HEADINGS, ROWS, width, cut=["tags"])
    for whole in [*ROWS[0][:3], ROWS[1][0]]:
        assert sum(whole in line for line in lines) == 1


def test_columns_stand_below_their_headings_also_with_wide_letters():
    heading, _, first, second = tables.drawn(HEADINGS, ROWS, 200)
    at = tables.columns(heading[: heading.index("state")])
    assert tables.columns(first[: first.index("Healthy")]) == at
    assert tables.columns(second[: second.index("Failed")]) == at


def test_columns_are_cut_before_rows_become_blocks():
    lines = tables.drawn(HEADINGS, ROWS, 90, cut=["tags"])
    assert max(map(tables.columns, lines)) <= 90
    assert lines[2].endswith("…")


def test_least_important_column_is_cut_first():
    row = ["iris", "Transitioning", "area=vision, stage=production", "12 min ago"]
    lines = tables.drawn(["name", "state", "tags", "changed"], [row], 40, cut=["tags", "changed"])
    assert lines[2] == "iris  Transitioning  area=v…  12 min ago"


def test_a_row_that_does_not_fit_becomes_a_block():
    assert tables.drawn(HEADINGS, ROWS[:1], 40) == [
        "name     a-model-with-quite-a-long-name",
        "state    Healthy",
        "address  http://127.0.0.1:21136/score",
        "tags     area=vision, stage=production",
    ]


def test_control_characters_in_values_become_spaces():
    assert tables.one_line("a\tb\nc\u2028d") == "a b c d"
