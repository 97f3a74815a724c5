"""The columns of windows become maps without loss."""

import importlib
import json

import pytest
from django.db import connection

migration = importlib.import_module("monitoring.migrations.0003_windows_of_maps")
TABLE = "windows_of_before"
MAPS = (
    "counters",
    "histograms",
    "gauges",
    "infer",
    "spent",
    "rows",
    "keys",
)  # the first three hold codes, latency, queue


@pytest.mark.django_db
def test_every_column_is_moved_to_its_map(monkeypatch):
    monkeypatch.setattr(migration, "BATCH", 2)
    json_type, number_type = ("jsonb", "double precision") if connection.vendor == "postgresql" else ("text", "real")
    full = ({"200": 3}, {"12": 3}, {"1": 3}, {"9": 3}, {"total": 70}, {"8": 3}, {"token": 3})
    with connection.cursor() as cursor:
        columns = ", ".join(f"{name} {json_type}" for name in MAPS)
        cursor.execute(f"CREATE TEMPORARY TABLE {TABLE} (id integer, {columns}, cpu {number_type}, memory bigint)")
        for number in (1, 2, 3, 7):
            maps = full if number != 2 else ({},) * 7
            values = [number, *map(json.dumps, maps), 0.25, 2**40 + number]
            cursor.execute(f"INSERT INTO {TABLE} VALUES ({', '.join(['%s'] * 10)})", values)
        migration.fold_figures(connection, TABLE)
        cursor.execute(f"SELECT counters, histograms, gauges FROM {TABLE} ORDER BY id")
        rows = [[json.loads(value) if isinstance(value, str) else value for value in row] for row in cursor.fetchall()]
    counters = {"codes": {"200": 3}, "keys": {"token": 3}, "spent": {"total": 70}, "rows": {"8": 3}}
    histograms = {"latency": {"12": 3}, "queue": {"1": 3}, "infer": {"9": 3}}
    gauges = [{"cpu": 0.25, "memory": 2**40 + number} for number in (1, 2, 3, 7)]
    assert rows == [
        [counters, histograms, gauges[0]], [{}, {}, gauges[1]], [counters, histograms, gauges[2]],
        [counters, histograms, gauges[3]],
    ]  # fmt: skip
