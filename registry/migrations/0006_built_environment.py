import hashlib
from datetime import UTC, datetime

import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


def take_over_environments(apps, _):
    """A row for every environment that is installed, and for every attempt that has left only its log."""
    rows = apps.get_model("registry", "BuiltEnvironment").objects
    hashes = apps.get_model("registry", "Environment").objects.values_list("definition_hash", flat=True)
    for definition_hash in set(hashes):
        folder = settings.DATA_DIR / "environments" / definition_hash
        log = settings.DATA_DIR / "logs" / "environments" / f"{definition_hash}.log"
        if (folder / "bin" / "python").exists():
            rows.get_or_create(definition_hash=definition_hash, defaults=_facts(folder))
        elif log.exists():
            rows.get_or_create(definition_hash=definition_hash, defaults={"failed_at": _changed(log)})


def _facts(folder):
    lock = folder / "requirements.lock"
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {
        "place": folder.name,
        "digest": hashlib.sha256(lock.read_bytes()).hexdigest() if lock.exists() else "",
        "size_bytes": sum(path.stat().st_size for path in files),
        "built_at": _changed(folder),
    }


def _changed(path):
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


class Migration(migrations.Migration):
    dependencies = [("registry", "0005_inspection_enqueued_at")]

    operations = [
        migrations.CreateModel(
            name="BuiltEnvironment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("definition_hash", models.CharField(max_length=64, unique=True)),
                ("place", models.CharField(blank=True, max_length=64)),
                ("digest", models.CharField(blank=True, max_length=64)),
                ("size_bytes", models.BigIntegerField(default=0)),
                ("begun_at", models.DateTimeField(blank=True, null=True)),
                ("failed_at", models.DateTimeField(blank=True, null=True)),
                ("built_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("removing_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.RunPython(take_over_environments, migrations.RunPython.noop),
    ]
