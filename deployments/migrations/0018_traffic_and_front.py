"""Shares of several revisions, and what the front needs of a service.

A service of before has one row of traffic, of 100 %: its revision is the default one and owns all slots.
"""

import secrets

import django.db.models.deletion
from django.db import migrations, models

import studio.core.encryption
import studio.core.secrets

ALL_SLOTS = [[0, 9999]]


def give_defaults_and_keys(apps, _):
    service_model, traffic_model = apps.get_model("deployments", "Service"), apps.get_model("deployments", "Traffic")
    for service in service_model.objects.only("pk").iterator():
        row = (
            traffic_model.objects.filter(service=service).order_by("-percent").values("pk", "revision__number").first()
        )
        facts = {"default_revision": row["revision__number"]} if row else {}
        service_model.objects.filter(pk=service.pk).update(front_key=secrets.token_urlsafe(32), **facts)
        if row:
            traffic_model.objects.filter(pk=row["pk"]).update(slots=ALL_SLOTS)


class Migration(migrations.Migration):
    dependencies = [("deployments", "0017_config_environment_variables")]

    operations = [
        migrations.CreateModel(
            name="FrontStatus",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, unique=True)),
                ("started_at", models.DateTimeField()),
                ("applied", models.PositiveBigIntegerField(default=0)),
                ("refused", models.TextField(blank=True)),
                ("ejected", models.JSONField(default=list)),
                ("seen_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="RoutingFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveBigIntegerField(default=0)),
                ("digest", models.CharField(blank=True, max_length=64)),
                ("changed_at", models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.CreateModel(
            name="HostName",
            fields=[
                ("name", models.CharField(max_length=253, primary_key=True, serialize=False)),
                (
                    "service",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="hosts", to="deployments.service"
                    ),
                ),
            ],
        ),
        migrations.AddField("revision", "label", models.CharField(blank=True, max_length=63)),
        migrations.AddField("service", "default_revision", models.PositiveIntegerField(default=0)),
        migrations.AddField(
            "service",
            "front_key",
            studio.core.encryption.EncryptedTextField(blank=True, default=studio.core.secrets.new_secret),
        ),
        migrations.AddField("service", "sticky", models.JSONField(default=dict)),
        migrations.AddField("traffic", "mirror_percent", models.FloatField(default=0)),
        migrations.AddField("traffic", "slots", models.JSONField(default=list)),
        migrations.AlterField("traffic", "percent", models.FloatField()),
        migrations.AddConstraint(
            "revision",
            models.UniqueConstraint(
                condition=models.Q(("label", ""), _negated=True),
                fields=["service", "label"],
                name="revision_label_once",
            ),
        ),
        migrations.RunPython(give_defaults_and_keys, migrations.RunPython.noop, elidable=True),
    ]
