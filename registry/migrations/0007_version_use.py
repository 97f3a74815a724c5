import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0006_built_environment"),
    ]

    operations = [
        migrations.CreateModel(
            name="VersionUse",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("service", "Service")], max_length=16)),
                ("user_id", models.BigIntegerField()),
                ("label", models.CharField(max_length=255)),
                ("url", models.CharField(max_length=500)),
                ("serving", models.BooleanField(default=False)),
                ("state", models.CharField(blank=True, max_length=32)),
                ("tone", models.CharField(blank=True, max_length=16)),
                (
                    "version",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="uses",
                        to="registry.modelversion",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["version", "serving"], name="version_use_serving")],
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "user_id", "version"), name="version_use_once")
                ],
            },
        ),
    ]
