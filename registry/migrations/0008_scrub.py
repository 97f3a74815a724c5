from datetime import UTC, datetime

import django.utils.timezone
from django.db import migrations, models

NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # artifacts of before: the first passes read them


class Migration(migrations.Migration):
    dependencies = [("registry", "0007_version_use")]

    operations = [
        migrations.AddField("artifact", "damaged_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("artifact", "checked_at", models.DateTimeField(db_index=True, default=NEVER)),
        migrations.AlterField(
            "artifact", "checked_at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)
        ),
        migrations.AlterField(
            "modelversion",
            "state",
            models.CharField(
                choices=[
                    ("uploaded", "Uploaded"),
                    ("ready", "Ready"),
                    ("rejected", "Rejected"),
                    ("damaged", "Damaged"),
                ],
                default="uploaded",
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="Scrub",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        db_index=True,
                        default="queued",
                        max_length=16,
                    ),
                ),
                ("step", models.CharField(blank=True, max_length=64)),
                ("progress", models.FloatField(default=0)),
                ("attempt", models.PositiveIntegerField(default=0)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("enqueued_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("error", models.JSONField(blank=True, null=True)),
                ("count", models.PositiveIntegerField(default=0)),
                ("size", models.BigIntegerField(default=0)),
                ("damaged", models.PositiveIntegerField(default=0)),
            ],
            options={"abstract": False},
        ),
    ]
