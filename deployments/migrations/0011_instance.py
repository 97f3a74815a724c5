import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.models import F

LIVE = {"starting", "ready", "unreachable", "stopping"}
DESIRED = {"running": "running", "stopped": "stopped", "deleted": "removed"}
PHASES = [(phase, phase) for phase in ("Transitioning", "Healthy", "Unhealthy", "Unschedulable", "Failed", "Stopped")]


def make_instances(apps, schema_editor):
    """What runs of a service becomes an instance of its revision, and keeps everything that is known of it."""
    service_rows = apps.get_model("deployments", "Service").objects
    instance, revision = (apps.get_model("deployments", name) for name in ("Instance", "Revision"))
    service_rows.update(wanted_revision=F("last_revision"))
    for service in service_rows.all():
        share = service.traffic.filter(percent=100).first()
        if share is None:
            continue
        instance.objects.create(revision_id=share.revision_id, **_adopted(service, share.revision.number))
        running = service.observed.get("revision")
        if running != share.revision.number and service.observed.get("state") in LIVE:  # an update was under way
            before = revision.objects.filter(service=service, number=running).first()
            if before is not None:
                ending = {"desired": "removed" if service.desired == "deleted" else "stopped", "serving": False}
                instance.objects.create(revision=before, **(_adopted(service, running) | ending))


def _adopted(service, number):
    found = service.observed.get("revision") == number
    serving = service.desired == "running"
    return {
        "service": service,
        "target_id": service.target_id,
        "desired": DESIRED[service.desired],
        "serving": serving,
        "generation": service.generation,
        "changed_at": service.changed_at,
        "phase": service.phase if found else "Transitioning",
        "cause": service.cause if found else None,
        "observed": service.observed | {"serving": service.observed.get("state") == "ready"} if found else {},
        "observed_generation": service.observed_generation if found else 0,
        "observed_at": service.observed_at if found else None,
    }


class Migration(migrations.Migration):
    dependencies = [("deployments", "0010_collection")]

    operations = [
        migrations.CreateModel(
            name="Instance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "desired",
                    models.CharField(
                        choices=[("running", "Running"), ("stopped", "Stopped"), ("removed", "Removed")],
                        default="running",
                        max_length=16,
                    ),
                ),
                ("serving", models.BooleanField(default=False)),
                ("replicas", models.PositiveSmallIntegerField(default=1)),
                ("generation", models.PositiveIntegerField(default=1)),
                ("changed_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("phase", models.CharField(choices=PHASES, default="Transitioning", max_length=16)),
                ("cause", models.JSONField(blank=True, null=True)),
                ("observed", models.JSONField(default=dict)),
                ("observed_generation", models.PositiveIntegerField(default=0)),
                ("observed_at", models.DateTimeField(blank=True, null=True)),
                ("endpoints", models.JSONField(default=list)),
                ("due_at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("lease_holder", models.CharField(blank=True, max_length=64)),
                (
                    "revision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="instances",
                        to="deployments.revision",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="instances",
                        to="deployments.service",
                    ),
                ),
                (
                    "target",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="instances",
                        to="deployments.target",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="instance",
            constraint=models.UniqueConstraint(fields=("revision", "target"), name="instance_once_a_target"),
        ),
        migrations.AddField(model_name="service", name="wanted_revision", field=models.PositiveIntegerField(default=0)),
        migrations.AlterField(
            model_name="service",
            name="due_at",
            field=models.DateTimeField(blank=True, db_index=True, default=django.utils.timezone.now, null=True),
        ),
        migrations.RunPython(make_instances, migrations.RunPython.noop),
    ]
