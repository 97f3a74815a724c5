import django.db.models.deletion
from django.db import migrations, models

TONES = {
    "Transitioning": "busy",
    "Healthy": "ok",
    "Unhealthy": "warn",
    "Unschedulable": "warn",
    "Failed": "bad",
    "Stopped": "idle",
}


def record_uses(apps, schema_editor):
    """What the services that exist use of the registry; from now on they write it themselves."""
    VersionUse = apps.get_model("registry", "VersionUse")
    RevisionModel = apps.get_model("deployments", "RevisionModel")
    uses = {}
    rows = RevisionModel.objects.select_related("revision__service__workspace").order_by("revision__number")
    for row in rows.iterator(chunk_size=2000):
        service, number = row.revision.service, row.revision.number
        uses[service.pk, row.version_id] = VersionUse(
            version_id=row.version_id,
            kind="service",
            user_id=service.pk,
            label=service.name,
            url=f"/w/{service.workspace.slug}/services/{service.name}/",
            serving=service.desired == "running" and number == service.wanted_revision,
            state=service.phase,
            tone=TONES[service.phase],
        )
    VersionUse.objects.bulk_create(uses.values(), batch_size=1000)


class Migration(migrations.Migration):
    dependencies = [
        ("deployments", "0012_service_without_observed"),
        ("registry", "0007_version_use"),
    ]

    operations = [
        migrations.AlterField(
            model_name="revisionmodel",
            name="version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.modelversion"
            ),
        ),
        migrations.RunPython(record_uses, migrations.RunPython.noop),
    ]
