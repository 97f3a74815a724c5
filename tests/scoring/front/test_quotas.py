"""Quotas of keys over several processes and days."""

import os
from datetime import date
from hashlib import sha256

import pytest

from scoring.front.quota import Quotas
from scoring.front.table import Registry
from scoring.front_contract import ClientKey, FrontRevision, FrontService, KeyUse, Routing

MONDAY, TUESDAY, WEDNESDAY = (date(2026, 11, day) for day in (23, 24, 25))


class Clock:
    """A day that a test chooses."""

    def __init__(self):
        self.day = MONDAY

    def __call__(self):
        return self.day


@pytest.fixture
def clock():
    return Clock()


def process(folder, clock, **key):
    """What a front process counts with: its quotas, and the caller with the key `ci`."""
    quotas = Quotas(folder, clock)
    found = ClientKey(name="ci", digest=sha256(b"key").hexdigest(), **key)
    service = FrontService(
        id=1, workspace="a", name="iris", default=1, revisions=[FrontRevision(number=1)], keys=[found]
    )
    [made] = Registry().build(Routing(number=1, services=[service]))[0].services
    quotas.changed([made])
    return quotas, made.credentials.callers[0][1]


def use(quotas, caller, times):
    return [quotas.use(caller) for _ in range(times)]


def told(quotas):
    return {(one.day, one.key): (one.requests, one.rows) for one in quotas.report()}


def test_requests_of_a_process_that_drains_count_in_the_next_one_and_the_other_way_round(tmp_path, clock):
    before, caller_before = process(tmp_path, clock, requests_a_day=10)
    use(before, caller_before, 4)
    before.tick()
    after, caller_after = process(tmp_path, clock, requests_a_day=10)
    use(after, caller_after, 3)
    use(before, caller_before, 2)  # on connections that were open
    for quotas in (before, after, before):
        quotas.tick()
    assert told(before) == told(after) == {("2026-11-23", "ci"): (9, 0)}
    assert [error is None for error in use(after, caller_after, 2)] == [True, False]


def test_rows_beyond_the_quota_are_refused(tmp_path, clock):
    quotas, caller = process(tmp_path, clock, rows_a_day=100)
    assert use(quotas, caller, 1) == [None]
    caller.used.rows += 99
    assert use(quotas, caller, 1) == [None]
    caller.used.rows += 50
    [error] = use(quotas, caller, 1)
    assert (error.status, error.message) == (429, "The key ci has used its 100 rows of today (UTC).")
    assert told(quotas) == {("2026-11-23", "ci"): (2, 149)}
    assert process(tmp_path, clock, rows_a_day=100)[1].used.rows == 149


def test_what_came_before_midnight_is_told_until_the_studio_has_it(tmp_path, clock):
    quotas, caller = process(tmp_path, clock, requests_a_day=5)
    use(quotas, caller, 5)
    clock.day = TUESDAY
    quotas.tick()
    assert use(quotas, caller, 1) == [None]
    expected = {("2026-11-23", "ci"): (5, 0), ("2026-11-24", "ci"): (1, 0)}
    assert told(quotas) == told(process(tmp_path, clock)[0]) == expected
    quotas.told(quotas.report())
    assert told(quotas) == {("2026-11-24", "ci"): (1, 0)}


def test_what_the_studio_knows_counts_where_it_is_more(tmp_path, clock):
    _, caller = process(tmp_path, clock, requests_a_day=10, day="2026-11-23", requests_today=8)
    assert caller.used.requests == 8
    _, caller = process(tmp_path, clock, requests_a_day=10, day="2026-11-22", requests_today=8)
    assert caller.used.requests == 0


def test_what_could_not_be_written_is_written_later(tmp_path, clock, monkeypatch):
    def fail(*_):
        raise OSError("no space left")

    quotas, caller = process(tmp_path, clock)
    use(quotas, caller, 3)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        quotas.tick()
    quotas.tick()
    assert process(tmp_path, clock)[1].used.requests == 3


def test_files_of_past_days_are_removed_and_unreadable_ones_are_passed_over(tmp_path, clock):
    quotas, caller = process(tmp_path, clock)
    use(quotas, caller, 3)
    quotas.tick()
    (tmp_path / "1.json").write_text("[{")
    clock.day = WEDNESDAY
    assert process(tmp_path, clock)[0].report() == []
    assert list(tmp_path.glob("*.json")) == []


def test_a_use_is_reported_by_service_and_key(tmp_path, clock):
    quotas, caller = process(tmp_path, clock)
    use(quotas, caller, 1)
    assert quotas.report() == [KeyUse(service=1, key="ci", day="2026-11-23", requests=1)]
