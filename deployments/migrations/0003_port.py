from django.db import migrations, models
from django.db.models.deletion import CASCADE


class Migration(migrations.Migration):
    dependencies = [("deployments", "0002_grpc_port")]

    operations = [
        migrations.CreateModel(
            name="Port",
            fields=[
                ("number", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("use", models.CharField(choices=[("http", "HTTP"), ("grpc", "gRPC")], max_length=8)),
                ("service", models.ForeignKey(on_delete=CASCADE, related_name="ports", to="deployments.service")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("service", "use"), name="one_port_a_use")],
            },
        ),
    ]
