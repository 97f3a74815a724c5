import hashlib
from contextlib import suppress

import django.utils.timezone
import orjson
from django.conf import settings
from django.db import migrations, models


def take_over_revisions(apps, _):
    """Give every revision its content hash, and every bundle that exists its row.

    Bundles were keyed by a hash that covered the options too. They stay where they are, because running services use
    them; a link named by the content hash leads to the newest one of each content.
    """
    bundles = apps.get_model("deployments", "BuiltBundle").objects
    for revision in apps.get_model("deployments", "Revision").objects.order_by("-pk").iterator():
        revision.content_hash = content_hash(revision)
        revision.save(update_fields=["content_hash"])
        folder = settings.DATA_DIR / "bundles" / revision.revision_hash
        if folder.is_dir() and _is_linked(folder, revision.content_hash):
            facts = {"content_hash": revision.content_hash, "size_bytes": _size(folder)}
            bundles.get_or_create(place=folder.name, defaults=facts)


def _is_linked(folder, content_hash):
    link = folder.with_name(content_hash)
    with suppress(OSError):  # then it is built again when it is next needed
        if not link.exists():
            link.symlink_to(folder.name)
    return link.exists()


def _size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def content_hash(revision):
    """What deployments.recipe.recipe.content_hash was when this was written."""
    config = revision.config
    models = [_model(use.version) for use in revision.models.select_related("version__model")]
    content = {
        "format": 1,
        "models": sorted(models, key=lambda model: model["id"]),
        "kind": config.kind,
        "entry_script": config.entry_script,
        "source": _digests(config),
        "environment": config.environment.definition_hash if config.environment else "slipway-runtime",
    }
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _model(version):
    return {
        "id": version.pk,
        "name": version.model.name,
        "number": version.number,
        "framework": version.framework,
        "signature": version.signature,
        "file": version.facts.get("main_file") or None if version.framework == "onnx" else None,
        "files": _digests(version),
        **({"folder": version.folder} if version.folder else {}),
    }


def _digests(holder):
    return sorted([path, digest] for path, digest in holder.files.values_list("path", "artifact_id"))


class Migration(migrations.Migration):
    dependencies = [
        ("deployments", "0008_build_enqueued_at"),
        ("registry", "0004_version_folder"),
    ]

    operations = [
        migrations.CreateModel(
            name="BuiltBundle",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("content_hash", models.CharField(db_index=True, max_length=64)),
                ("place", models.CharField(max_length=64, unique=True)),
                ("digest", models.CharField(blank=True, max_length=64)),
                ("size_bytes", models.BigIntegerField(default=0)),
                ("built_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_used_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("removing_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.RenameField("revision", "recipe_hash", "revision_hash"),
        migrations.AddField(
            "revision",
            "content_hash",
            models.CharField(db_index=True, default="", max_length=64),
            preserve_default=False,
        ),
        migrations.RunPython(take_over_revisions, migrations.RunPython.noop),
    ]
