from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("deployments", "0016_target_check_facts")]

    operations = [
        migrations.AddField(
            model_name="inferenceconfig",
            name="environment_variables",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
