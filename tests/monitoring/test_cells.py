"""Windows become cells: each once and whole, and answers as callers got them."""

from datetime import UTC, datetime

import pytest

from deployments.rollouts.cells import CELL_SECONDS, Arm, Cell, last_closed
from deployments.rollouts.readings import Question, read_cells
from monitoring.models import FrontWindow, Resolution
from scoring.contract import bucket_of

FIRST = 350_000_000  # a cell
CONTROL, CANDIDATE = 1, 2


@pytest.fixture
def add(service, add_window):
    """`add(cell, offset, revision=2, codes={"200": 5})`: a window of 5 s that begins `offset` seconds after the
    cell."""

    def add_at(cell, offset=0.0, **facts):
        at = datetime.fromtimestamp(cell * CELL_SECONDS + offset, UTC)
        return add_window(service, at=at, **{"revision": CANDIDATE} | facts)

    return add_at


@pytest.fixture
def read(service):
    def read_from(first=FIRST, last=FIRST + 9):
        return read_cells(Question(service.pk, CANDIDATE, CONTROL, first, last))

    return read_from


def test_window_counts_whole_in_the_cell_of_its_middle(add, read):
    add(FIRST, 2.4, codes={"200": 7})
    add(FIRST, 2.6, codes={"200": 3}, replica="2")

    assert [(cell.number, cell.candidate.requests) for cell in read()] == [(FIRST, 7), (FIRST + 1, 3)]


def test_replicas_of_both_revisions_are_added(add, read):
    add(FIRST, codes={"200": 5, "404": 2, "500": 1}, infer={str(bucket_of(900)): 6})
    add(FIRST, codes={"200": 5, "503": 1}, infer={str(bucket_of(900)): 4}, replica="2")
    add(FIRST, codes={"200": 90, "504": 1}, revision=CONTROL)

    infer = {bucket_of(900): 10}
    assert read() == [
        Cell(
            FIRST,
            Arm(14, 2, 2, {"infer": infer, "latency": {}}, reached=14),
            Arm(91, 1, 0, {"infer": {}, "latency": {}}, reached=91),
        )
    ]


def test_answers_are_counted_by_fronts_and_the_model_by_replicas(add, read):
    """A front also counts what it refused itself, and no copies of other revisions' requests."""
    add(FIRST, codes={"200": 9}, infer={"80": 9}, latency={"90": 9})
    add(FIRST, codes={"200": 4, "503": 2}, latency={"100": 6}, kind=FrontWindow)
    add(FIRST, codes={"200": 50}, revision=CONTROL, kind=FrontWindow)

    cell = read()[0]

    assert cell.candidate == Arm(6, 2, 0, {"infer": {80: 9}, "latency": {100: 6}}, reached=9)
    assert cell.control.requests == 50


def test_rolled_up_windows_other_revisions_and_cells_are_left_out(add, read):
    add(FIRST, codes={"200": 5}, resolution=Resolution.MINUTE, seconds=60)
    add(FIRST, codes={"200": 5}, revision=3)
    add(FIRST - 1, codes={"200": 5})
    add(FIRST + 10, codes={"200": 5})

    assert read() == []


@pytest.mark.parametrize(("window_seconds", "expected"), [(5, FIRST - 3), (20, FIRST - 5), (60, FIRST - 9)])
def test_cell_is_closed_when_windows_of_any_length_have_come(window_seconds, expected):
    """The last window of a cell begins half its length before the cell ends, and is sent when it is over."""
    assert last_closed(FIRST * CELL_SECONDS, window_seconds) == expected


def test_long_windows_count_where_they_are_asked_for(add, read, settings):
    add(FIRST, -58, codes={"200": 5}, seconds=120)
    assert read() == []

    settings.SLIPWAY = settings.SLIPWAY | {"TELEMETRY_SECONDS": 120}
    assert [cell.candidate.requests for cell in read()] == [5]


def test_events_of_scripts_are_read_from_replicas(add, read):
    add(FIRST, codes={"200": 9}, kind=FrontWindow)
    add(FIRST, codes={"200": 5}, events={"fallback": 2})
    add(FIRST, codes={"200": 4}, events={"fallback": 1, "empty": 4}, replica="2")

    candidate = read()[0].candidate

    assert (candidate.requests, candidate.reached, candidate.events) == (9, 9, {"fallback": 3, "empty": 4})


def test_copies_that_agree_or_not_are_read_from_fronts(add, read):
    copies = {"agreed": 8, "disagreed": 2, "failed": 1, "dropped": 3}
    add(FIRST, codes={"200": 6}, copies=copies, kind=FrontWindow)
    add(FIRST, codes={"200": 50}, copies={"agreed": 7}, revision=CONTROL, kind=FrontWindow)

    cell = read()[0]

    assert (cell.compared, cell.disagreed, cell.candidate.requests) == (10, 2, 6)


def test_revision_that_gets_copies_alone_is_judged_by_what_its_replicas_and_nothing_answered(add, read):
    add(FIRST, copies={"agreed": 8, "failed": 2}, kind=FrontWindow)
    add(FIRST, codes={"200": 49, "502": 1}, latency={"100": 50}, revision=CONTROL, kind=FrontWindow)
    add(FIRST, codes={"200": 7, "500": 1}, infer={"80": 8}, latency={"90": 8})
    add(FIRST, codes={"200": 48}, latency={"95": 48}, revision=CONTROL)

    cell = read()[0]

    assert cell.candidate == Arm(10, 3, 0, {"infer": {80: 8}, "latency": {90: 8}}, reached=8)
    assert (cell.control.requests, cell.control.times["latency"]) == (48, {95: 48})
