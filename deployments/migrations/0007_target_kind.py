import django.utils.timezone
from django.db import migrations, models

import studio.core.encryption


class Migration(migrations.Migration):
    dependencies = [("deployments", "0006_build_rung_at")]

    operations = [
        migrations.RenameField(model_name="target", old_name="driver", new_name="kind"),
        migrations.AddField(
            model_name="target",
            name="secrets",
            field=studio.core.encryption.EncryptedTextField(blank=True, default=""),
        ),
        migrations.AddField(
            model_name="target",
            name="changed_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
    ]
