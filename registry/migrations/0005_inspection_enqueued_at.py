from django.db import migrations, models


def requeue_unconcluded(apps, _):
    """Given up, but the worker died before it rejected the version: giving up was two transactions. Now it is one."""
    inspections = apps.get_model("registry", "Inspection").objects
    later = inspections.filter(version=models.OuterRef("version"), pk__gt=models.OuterRef("pk"))
    unconcluded = inspections.filter(~models.Exists(later), state="failed", version__state="uploaded")
    inspections.filter(pk__in=list(unconcluded.values_list("pk", flat=True))).update(state="queued", finished_at=None)


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0004_version_folder"),
    ]

    operations = [
        migrations.RenameField(model_name="inspection", old_name="rung_at", new_name="enqueued_at"),
        migrations.RunPython(requeue_unconcluded, migrations.RunPython.noop),
    ]
