"""SQLite's planner knows the tables: statistics are gathered when a table's size has changed, and not otherwise."""

import pytest
from django.db import connection

from registry.models import Tag
from registry.search.search import search_models
from studio.core import statistics
from studio.core.statistics import keep_statistics
from tests.registry.factories import make_version

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases gather statistics by themselves"),
]


@pytest.fixture
def version(workspace, monkeypatch):
    monkeypatch.setattr(statistics, "FEWEST", 20)
    return make_version(workspace)


def tag(version, numbers):
    same = {"workspace": version.workspace, "model": version.model, "version": version}
    Tag.objects.bulk_create(Tag(**same, key=f"key-{n}", value="x") for n in numbers)


def rows_known():
    with connection.cursor() as cursor:
        cursor.execute("SELECT stat FROM sqlite_stat1 WHERE tbl = 'registry_tag' AND idx = 'tag_search'")
        return [int(stat.split()[0]) for (stat,) in cursor.fetchall()]


def test_filled_table_has_statistics(version):
    tag(version, range(50))
    assert "registry_tag" in keep_statistics()
    assert rows_known() == [50]


def test_statistics_are_renewed_only_after_large_growth(version):
    tag(version, range(50))
    keep_statistics()
    tag(version, range(50, 60))
    assert "registry_tag" not in keep_statistics()
    assert rows_known() == [50]
    tag(version, range(60, 250))
    assert "registry_tag" in keep_statistics()
    assert rows_known() == [250]


def test_search_for_a_tag_uses_the_index(version, workspace):
    tag(version, range(50))
    keep_statistics()
    plan = search_models(workspace, "key-1=x").explain()
    assert "USING COVERING INDEX tag_search (workspace_id=? AND key=? AND value=? AND model_id=?)" in plan
