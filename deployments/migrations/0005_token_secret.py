from django.db import migrations

import studio.core.encryption


class Migration(migrations.Migration):
    dependencies = [("deployments", "0004_port_holders")]

    operations = [
        migrations.AddField(
            model_name="service",
            name="token_secret",
            field=studio.core.encryption.EncryptedTextField(blank=True, default=""),
        ),
    ]
