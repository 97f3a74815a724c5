"""What only PostgreSQL needs to search 100,000 versions in milliseconds; SQLite skips it.

The trigram index answers free words; it needs the extension pg_trgm, which comes with PostgreSQL and which the owner of a
database may create. Where it is missing, free words are found by reading every row. The statistics tell the
planner that `area` has few values and `owner` many, which it otherwise multiplies wrongly.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

AVAILABLE = "SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'"
TRIGRAMS = """
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX version_text_trigrams ON registry_modelversion USING gin (text gin_trgm_ops);
"""
# Compared byte by byte, the values of a key lie in the index so that `owner=person-1*` is one range of it.
BYTEWISE = 'ALTER TABLE registry_tag ALTER COLUMN value TYPE varchar(256) COLLATE "C"'
STATISTICS = "CREATE STATISTICS tag_key_value (mcv, dependencies) ON key, value FROM registry_tag"
UNDO = """
    DROP STATISTICS IF EXISTS tag_key_value;
    DROP INDEX IF EXISTS version_text_trigrams;
    ALTER TABLE registry_tag ALTER COLUMN value TYPE varchar(256) COLLATE "default";
"""


def forwards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute(BYTEWISE)
    schema_editor.execute(STATISTICS)
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(AVAILABLE)
        if cursor.fetchone():
            schema_editor.execute(TRIGRAMS)


def backwards(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(UNDO)


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
