from django.db import migrations

BATCH = 10_000
COUNTERS = ("codes", "keys", "spent", "rows")
HISTOGRAMS = ("latency", "queue", "infer")
RENAMED = {"codes": "counters", "latency": "histograms", "queue": "gauges"}  # columns that are used again


def fold_figures(connection, table):
    """Put the figures of every row, each of which had a column, into the three maps; what is empty is left out."""
    columns = {name: RENAMED.get(name, name) for name in (*COUNTERS, *HISTOGRAMS)}
    postgres = connection.vendor == "postgresql"

    def pairs(names):
        if postgres:
            return ", ".join(f"'{name}', NULLIF(\"{columns[name]}\", '{{}}'::jsonb)" for name in names)
        return ", ".join(
            f"'{name}', CASE WHEN \"{columns[name]}\" = '{{}}' THEN NULL ELSE json(\"{columns[name]}\") END"
            for name in names
        )

    def filled(names):
        if postgres:
            return f"jsonb_strip_nulls(jsonb_build_object({pairs(names)}))"
        return f"json_patch('{{}}', json_object({pairs(names)}))"

    build = "jsonb_build_object" if postgres else "json_object"
    update = f"""
        UPDATE {table} SET counters = {filled(COUNTERS)}, histograms = {filled(HISTOGRAMS)},
            gauges = {build}('cpu', cpu, 'memory', memory)
        WHERE id >= %s AND id < %s
    """  # noqa: S608 - names of ours
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT MIN(id), MAX(id) FROM {table}")  # noqa: S608
        first, last = cursor.fetchone()
        for start in range(first, last + 1, BATCH) if first is not None else ():
            cursor.execute(update, [start, start + BATCH])


def fold(apps, schema_editor):
    fold_figures(schema_editor.connection, "monitoring_metricwindow")


class Migration(migrations.Migration):
    """Renaming three columns instead of adding them copies no table."""

    dependencies = [("monitoring", "0002_where_the_time_goes")]

    operations = [
        *(migrations.RenameField("metricwindow", old, new) for old, new in RENAMED.items()),
        migrations.RunPython(fold, elidable=False),
    ]
