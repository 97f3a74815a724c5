from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("deployments", "0007_target_kind"),
    ]

    operations = [
        migrations.RenameField(model_name="build", old_name="rung_at", new_name="enqueued_at"),
    ]
