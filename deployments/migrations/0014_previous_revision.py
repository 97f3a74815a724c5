from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("deployments", "0013_version_uses")]

    operations = [
        migrations.AddField("service", "previous_revision", models.PositiveIntegerField(default=0)),
    ]
